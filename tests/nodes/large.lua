-- A large message beside small ones, in both directions; it comes whole, and the small ones are answered meanwhile.
local c = require 'concurrent'
local size = tonumber(arg[1])
local me = c.self()
local function serve()
  local c = require 'concurrent'
  while true do
    local m = c.receive()
    c.send(m.from, m.value)
  end
end
local large, small = c.spawn('server@localhost', serve), c.spawn('server@localhost', serve)
local body = string.rep('0123456789abcdef', size // 16)

c.spawn(function()
  local list = {}
  for i = 1, 1000 do list[i] = { i, tostring(i), i / 2 } end
  for round = 1, 3 do
    c.send(large, { from = c.self(), value = { body, list } })
    local back = c.receive()
    assert(back[1] == body and #back[2] == #list)
    for i, entry in ipairs(list) do
      local e = back[2][i]
      assert(e[1] == entry[1] and e[2] == entry[2] and e[3] == entry[3])
    end
  end
  c.send(me, 'large')
end)
local pings, meanwhile = 0, 0
c.send(small, { from = me, value = 1 })
while true do
  local m = c.receive()
  if m == 'large' then break end
  pings = pings + 1
  assert(m == pings)
  c.send(small, { from = me, value = pings + 1 })
end
assert(c.receive() == pings + 1)
-- Had they waited for it, there would be two for each of its six ways at most.
assert(pings > 12, pings)
print 'all is well'
os.exit(0)
