-- test: processes
-- register, unregister, whereis, registered.
local concurrent = require 'concurrent'
local root = concurrent.self()

local function waiter() concurrent.receive() end
local a, b = concurrent.spawn(waiter), concurrent.spawn(waiter)

assert(#concurrent.registered() == 0 and concurrent.whereis 'a' == nil)
assert(concurrent.register('a', a) == true and concurrent.register('b', b) == true)
assert(concurrent.register('root') == true)
assert(concurrent.whereis 'a' == a and concurrent.whereis 'root' == root and concurrent.whereis(b) == b)
assert(table.concat(concurrent.registered(), ' ') == 'a b root')

-- taken
local ok, msg = concurrent.register('a', b)
assert(ok == false and type(msg) == 'string' and msg:find('a', 1, true))
assert(concurrent.whereis 'a' == a)

-- dead
local dead = concurrent.spawn(function() end)
concurrent.monitor(dead)
assert(concurrent.receive().signal == 'DOWN')
ok, msg = concurrent.register('dead', dead)
assert(ok == false and type(msg) == 'string' and concurrent.whereis 'dead' == nil)

-- names as destinations
concurrent.send('root', 'hi')
assert(concurrent.receive() == 'hi')

-- unregister
assert(concurrent.unregister 'root' == true and concurrent.whereis 'root' == nil)
assert(concurrent.unregister 'root' == false)
assert(concurrent.register('r1') and concurrent.register('r2', root))
assert(concurrent.unregister() == true)
assert(concurrent.whereis 'r1' == nil and concurrent.whereis 'r2' == nil and concurrent.unregister() == false)

-- names are freed at the end of their process, and may be taken again
concurrent.monitor(a)
concurrent.send('a', 'stop')
assert(concurrent.receive().from == a)
assert(concurrent.whereis 'a' == nil and concurrent.register('a', b) == true)
assert(concurrent.whereis 'a' == b and concurrent.whereis 'b' == b)
concurrent.monitor(b)
concurrent.kill('a')
assert(concurrent.receive().from == b and #concurrent.registered() == 0)

-- a process registers itself
concurrent.spawn(function()
  assert(concurrent.register 'self' and concurrent.whereis 'self' == concurrent.self())
  concurrent.send(root, 'registered')
  concurrent.send(root, concurrent.receive() .. '!')
end)
assert(concurrent.receive() == 'registered')
concurrent.send('self', 'by name')
assert(concurrent.receive() == 'by name!')

-- wrong arguments
for _, bad in ipairs { 5, true, {} } do
  ok, msg = pcall(concurrent.register, bad)
  assert(not ok and msg:find('register', 1, true), msg)
end
assert(not pcall(concurrent.register, 'x', 'no pid') or concurrent.whereis 'x' == nil)
assert(concurrent.loop() == true)

-- What a name stands for changes while the one who has it is asked whether it lives: the call is about the one asked,
-- and leaves no wait behind.
for _, call in ipairs { 'register', 'whereis', 'isprocessalive', 'kill', 'processinfo' } do
  local holder = concurrent.spawn(function()
    concurrent.register 'fleeting'
    concurrent.receive()
  end)
  while not concurrent.whereis 'fleeting' do concurrent.sleep(1) end
  concurrent.kill(holder)
  local result = concurrent[call] 'fleeting'
  if call == 'register' then assert(result == true) else assert(not result, call) end
  assert(concurrent.receive(1) == nil)
  concurrent.sleep(1)
  concurrent.unregister 'fleeting'
end
