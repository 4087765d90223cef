-- test: processes
-- sleep: sleepers wake in the order of their times; sleeping does not lose messages.
local concurrent = require 'concurrent'
local root = concurrent.self()

assert(select('#', concurrent.sleep(0)) == 0)
concurrent.sleep(1)
concurrent.sleep(0.5)

-- the second starts its longer sleep only after the first one's is over
local function sleeper(name, before)
  return concurrent.spawn(function()
    if before then concurrent.receive() end
    concurrent.sleep(2)
    concurrent.send(root, name)
  end)
end
sleeper "first"
local second = sleeper('second', true)
assert(concurrent.receive() == 'first')
concurrent.send(second, 'now')
assert(concurrent.receive() == 'second')

-- messages that arrive during a sleep wait in order
local p = concurrent.spawn(function()
  concurrent.send(root, 'up')
  concurrent.sleep(3)
  for i = 1, 3 do concurrent.send(root, concurrent.receive() * i) end
end)
assert(concurrent.receive() == 'up')
for i = 1, 3 do concurrent.send(p, i * 10) end
assert(concurrent.receive() == 10 and concurrent.receive() == 40 and concurrent.receive() == 90)

-- a sleeping process can be killed
p = concurrent.spawnmonitor(function() concurrent.sleep(3600000) end)
concurrent.sleep(1)
concurrent.kill(p)
assert(concurrent.receive().reason == 'killed')

-- others run while one sleeps
concurrent.spawn(function() concurrent.sleep(20); concurrent.send(root, 'slow') end)
concurrent.spawn(function() for i = 1, 5 do concurrent.send(root, i) end end)
for i = 1, 5 do assert(concurrent.receive(nil, function(m) return m ~= 'slow' end) == i) end
assert(concurrent.receive() == 'slow')

-- time goes on
local t0 = concurrent.time()
concurrent.sleep(5)
local t1 = concurrent.time()
assert(math.type(t0) == 'float' and t1 > t0 and t0 > 1.6e12)
local time = require 'concurrent.time'
assert(time.time == concurrent.time and time.sleep == concurrent.sleep)

for _, bad in ipairs { 'x', {}, -5 } do
  local ok, e = pcall(concurrent.sleep, bad)
  assert(not ok and e:find('sleep', 1, true), e)
end
concurrent.loop()
