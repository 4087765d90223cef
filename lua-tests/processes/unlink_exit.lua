-- test: processes
-- An exit over a link that was taken away does not count, whichever of the two comes first.
local c = require 'concurrent'

local function partner() c.exit('crash') end
local function subject(rounds)
  for i = 1, rounds do
    c.setoption('trapexit', true)          -- an exit ahead of the unlink is lawful: it is only a message
    local p = c.spawnlink(partner)
    for _ = 1, i * 41 % 300 do end
    c.unlink(p)
    c.setoption('trapexit', false)
    while c.receive(0) do end
    for _ = 1, 100 do end
    c.receive(0)
  end
end
for _ = 1, 5 do
  c.spawnmonitor(subject, 20)
  assert(c.receive().reason == 'normal')
end

-- linked again after an unlink: the link counts
local p = c.spawn(function() c.receive() c.exit('later') end)
c.setoption('trapexit', true)
c.link(p) c.unlink(p) c.link(p)
c.send(p, 'go')
local m = c.receive(5000)
assert(m.signal == 'EXIT' and m.from == p and m.reason == 'later')
-- and unlinked at the last: it does not
p = c.spawn(function() c.receive() c.exit('later') end)
c.link(p) c.unlink(p) c.link(p) c.unlink(p)
c.monitor(p)
c.send(p, 'go')
assert(c.receive(5000).signal == 'DOWN')
assert(c.receive(0) == nil)
