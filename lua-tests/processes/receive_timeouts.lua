-- test: processes
-- receive: polling, timeouts, order.
local concurrent = require 'concurrent'
local me = concurrent.self()

-- polling an empty mailbox
assert(concurrent.receive(0) == nil)
assert(select('#', concurrent.receive(0)) == 1)

-- a timeout that passes
assert(concurrent.receive(1) == nil)
assert(concurrent.receive(0.5) == nil)

-- order is kept
for i = 1, 20 do assert(concurrent.send(me, i)) end
for i = 1, 20 do assert(concurrent.receive(0) == i) end
assert(concurrent.receive(0) == nil)

-- false is a message
concurrent.send(me, false)
assert(concurrent.receive() == false)

-- waiting for a message that another process sends
local child = concurrent.spawn(function(to)
  for i = 1, 5 do concurrent.send(to, { i = i }) end
end, me)
for i = 1, 5 do assert(concurrent.receive().i == i) end
for i = 1, 3 do concurrent.send(me, 'm' .. i) end
assert(concurrent.receive(10000) == 'm1' and concurrent.receive(nil) == 'm2' and concurrent.receive() == 'm3')

-- a process that waits with a timeout and gets its message in time
local waiter = concurrent.spawn(function(to)
  concurrent.send(to, 'ready')
  local m = concurrent.receive(600000)
  concurrent.send(to, 'got ' .. m)
  concurrent.send(to, tostring(concurrent.receive(1)))
end, me)
assert(concurrent.receive() == 'ready')
concurrent.send(waiter, 'it')
assert(concurrent.receive() == 'got it')
assert(concurrent.receive() == 'nil')

-- wrong arguments
for _, bad in ipairs { 'x', {}, true, -1 } do
  local ok, e = pcall(concurrent.receive, bad)
  assert(not ok and e:find('receive', 1, true), e)
end
assert(not pcall(concurrent.receive, nil, 5))
assert(not pcall(concurrent.receive, nil, 'x'))
concurrent.loop()
