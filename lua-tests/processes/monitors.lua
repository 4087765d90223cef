-- test: processes
-- monitor, demonitor, spawnmonitor: one DOWN message for each end.
-- test: stderr=faulty
local concurrent = require 'concurrent'

local function waiter() concurrent.receive() end
local function take()
  local m = concurrent.receive()
  assert(m.signal == 'DOWN' and type(m.from) == 'userdata')
  return m.reason, m.from
end

-- normal, reason, killed
local p = concurrent.spawn(waiter)
concurrent.monitor(p)
concurrent.send(p, 'x')
local reason, from = take()
assert(reason == 'normal' and from == p)
p = concurrent.spawnmonitor(function() concurrent.exit('r') end)
assert(take() == 'r')
p = concurrent.spawnmonitor(waiter)
concurrent.kill(p)
assert(take() == 'killed')

-- an error value
p = concurrent.spawnmonitor(function() error('faulty') end)
reason, from = take()
assert(from == p and reason:find 'monitors%.lua:%d+: faulty$')
concurrent.spawnmonitor(function() error(42, 0) end)
assert(take() == 42)
concurrent.spawnmonitor(function() local x; x.y = 1 end)
assert(take():find("attempt to index a nil value (local 'x')", 1, true))

-- gone already
concurrent.monitor(p)
reason, from = take()
assert(reason == 'noproc' and from == p)

-- idempotent: two calls, one message
p = concurrent.spawn(waiter)
concurrent.monitor(p)
concurrent.monitor(p)
concurrent.send(p, 'x')
assert(take() == 'normal' and concurrent.receive(0) == nil)

-- demonitor, also when the message is queued
p = concurrent.spawnmonitor(waiter)
concurrent.demonitor(p)
concurrent.send(p, 'x')
local q = concurrent.spawnmonitor(function() end)
reason, from = take()
assert(from == q and concurrent.receive(0) == nil)

q = concurrent.spawnmonitor(function() end)
while concurrent.isprocessalive(q) do concurrent.sleep(0) end
concurrent.demonitor(q)
assert(concurrent.receive(0) == nil)

-- by name: from is the pid
p = concurrent.spawn(waiter)
concurrent.register('watched', p)
concurrent.monitor('watched')
concurrent.send('watched', 'x')
reason, from = take()
assert(from == p)

-- monitors do not kill and are one way
local root = concurrent.self()
local watcher = concurrent.spawnmonitor(function()
  concurrent.spawnmonitor(function() concurrent.exit('child') end)
  local m = concurrent.receive()
  concurrent.send(root, m.reason)
end)
assert(concurrent.receive() == 'child' and take() == 'normal')

-- several watchers of one process
p = concurrent.spawn(waiter)
for _ = 1, 5 do
  concurrent.spawn(function()
    concurrent.monitor(p)
    concurrent.send(root, 'watching')
    concurrent.send(root, concurrent.receive().reason)
  end)
end
for _ = 1, 5 do assert(concurrent.receive() == 'watching') end
concurrent.kill(p, 'all see it')
for _ = 1, 5 do assert(concurrent.receive() == 'all see it') end
assert(concurrent.loop() == true)
