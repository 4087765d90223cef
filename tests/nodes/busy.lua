-- Round trips to another node while the workers here always have something else to do.
local c = require 'concurrent'
local server = c.spawn('server@localhost', function()
  local c = require 'concurrent'
  while true do
    local m = c.receive()
    c.send(m.from, m.value)
  end
end)
local me = c.self()
local function trips(n)
  for i = 1, n do
    c.send(server, { from = me, value = i })
    assert(c.receive(20000) == i, 'an answer is not read')
  end
end
-- The reader learns that answers come soon, and looks for them.
trips(2000)
for _ = 1, 4 do
  local busy = c.spawn(function() while true do end end)
  trips(50)
  c.kill(busy)
  trips(200)
end
print 'all is well'
os.exit(0)
