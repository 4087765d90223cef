-- test: processes
-- A deadlock is an error in the call in which the root waits; with a timeout there is none.
local concurrent = require 'concurrent'

-- the root alone
local ok, e = pcall(concurrent.receive)
assert(not ok and e:find('deadlock: 1 process', 1, true), e)
assert(concurrent.receive(1) == nil)

-- two processes that wait for each other
local a = concurrent.spawn(function() concurrent.receive() end)
local b = concurrent.spawn(function() concurrent.receive() end)
ok, e = pcall(concurrent.loop)
assert(not ok and e:find('deadlock: ', 1, true) and e:find('wait for messages that cannot come', 1, true), e)
assert(e:find(tostring(a), 1, true) and e:find(tostring(b), 1, true))
assert(concurrent.loop(1) == false)

-- it can be resolved, since it is only an error
assert(concurrent.isprocessalive(a) and concurrent.isprocessalive(b))
concurrent.send(a, 'x')
concurrent.send(b, 'x')
assert(concurrent.loop() == true)

-- messages that do not match leave a process waiting
local c = concurrent.spawn(function() concurrent.receive(nil, { wanted = true }) end)
concurrent.send(c, { other = true })
ok, e = pcall(concurrent.loop)
assert(not ok and e:find('deadlock', 1, true))
concurrent.send(c, { wanted = true })
assert(concurrent.loop() == true)

-- a sleeping process is no deadlock
local root = concurrent.self()
concurrent.spawn(function() concurrent.sleep(5); concurrent.send(root, 'in time') end)
assert(concurrent.receive() == 'in time')

-- nor is one that waits with a timeout
concurrent.spawn(function() concurrent.receive(5); concurrent.send(root, 'timed out') end)
assert(concurrent.receive() == 'timed out')
