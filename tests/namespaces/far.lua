-- The node at the other end of a line that is cut: near.lua talks to it. `...`: its name.
local c = require 'concurrent'
c.setoption('keepalivetimeout', 2000)
c.setoption('trapexit', true)
assert(c.init((...)))
c.register('echo', c.spawn(function()
  while true do
    local m = c.receive()
    local value = m.value
    if m.what == 'leader' then value = c.whereis 'leader' or false end
    c.send(m.from, value)
  end
end))
c.register 'far'
print 'ready'
io.stdout:flush()
local near = c.receive()
c.link(near.pid)
c.monitor(near.pid)
c.monitornode(near.node)
local told = {}
while not (told.EXIT and told.DOWN and told.NODEDOWN) do
  local m = c.receive()
  assert(m.signal == 'NODEDOWN' and m.from == near.node or m.from == near.pid and m.reason == 'noconnection')
  assert(not told[m.signal], 'once each')
  told[m.signal] = true
end
assert(c.register 'leader')
print 'told'
io.stdout:flush()
while true do
  local m = c.receive()
  assert(m.signal == 'NAMECONFLICT' and m.name == 'leader')
  print 'conflict'
  io.stdout:flush()
end
