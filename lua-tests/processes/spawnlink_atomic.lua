-- test: processes
-- spawnlink and spawnmonitor: the link exists before the child can die.
local concurrent = require 'concurrent'
local root = concurrent.self()

-- the child ends at once, the parent is still told
for i = 1, 20 do
  local pid = concurrent.spawnmonitor(function(n) concurrent.exit(n) end, i)
  local m = concurrent.receive()
  assert(m.signal == 'DOWN' and m.from == pid and m.reason == i)
end

concurrent.spawn(function()
  concurrent.setoption('trapexit', true)
  for i = 1, 20 do
    local pid = concurrent.spawnlink(function(n) concurrent.exit(n) end, i)
    local m = concurrent.receive()
    assert(m.signal == 'EXIT' and m.from == pid and m.reason == i)
  end
  concurrent.send(root, 'trapped all')
end)
assert(concurrent.receive() == 'trapped all')

-- without trapexit the parent dies of its child
local parent = concurrent.spawnmonitor(function()
  concurrent.spawnlink(function() concurrent.exit('child') end)
  concurrent.receive()
end)
local m = concurrent.receive()
assert(m.from == parent and m.reason == 'child')

-- and the child of its parent
local child
parent = concurrent.spawnmonitor(function()
  local c = concurrent.spawnlink(function() concurrent.receive() end)
  concurrent.send(root, c)
  concurrent.receive()
  concurrent.exit('parent')
end)
child = concurrent.receive()
concurrent.monitor(child)
concurrent.send(parent, 'go')
local reasons = {}
for _ = 1, 2 do m = concurrent.receive(); reasons[m.from] = m.reason end
assert(reasons[parent] == 'parent' and reasons[child] == 'parent')

-- by the name of a global function, and failing
function quick(x) concurrent.exit(x) end
assert(concurrent.spawnmonitor('quick', 17))
assert(concurrent.receive().reason == 17)
local pid, msg = concurrent.spawnlink('nosuch')
assert(pid == nil and type(msg) == 'string')
pid, msg = concurrent.spawnmonitor('nosuch')
assert(pid == nil and type(msg) == 'string')

-- a message sent before the end arrives before the DOWN
concurrent.spawnmonitor(function() concurrent.send(root, 'last words'); concurrent.exit('end') end)
assert(concurrent.receive() == 'last words' and concurrent.receive().reason == 'end')
assert(concurrent.loop() == true)
