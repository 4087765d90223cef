-- test: processes
-- kill: untrappable, with a reason; ends also a process that never waits.
local concurrent = require 'concurrent'
local root = concurrent.self()

-- a waiting process
local pid = concurrent.spawn(function() concurrent.receive() end)
concurrent.monitor(pid)
assert(concurrent.kill(pid) == true)
local m = concurrent.receive()
assert(m.signal == 'DOWN' and m.from == pid and m.reason == 'killed')
assert(not concurrent.isprocessalive(pid))
assert(concurrent.kill(pid) == false)

-- with a reason
pid = concurrent.spawnmonitor(function() concurrent.receive() end)
concurrent.kill(pid, 'enough')
assert(concurrent.receive().reason == 'enough')

-- an endless loop is ended while others go on
local spinner = concurrent.spawnmonitor(function() while true do end end)
local worker = concurrent.spawn(function()
  local sum = 0
  for i = 1, 100 do sum = sum + i end
  concurrent.send(root, { sum = sum })
end)
assert(concurrent.receive(nil, { sum = 5050 }))
assert(concurrent.isprocessalive(spinner))
concurrent.kill(spinner)
assert(concurrent.receive().reason == 'killed')

-- trapexit does not help
local trapper = concurrent.spawnmonitor(function()
  concurrent.setoption('trapexit', true)
  concurrent.send(root, 'trapping')
  concurrent.receive()
  concurrent.send(root, 'survived')
end)
assert(concurrent.receive() == 'trapping')
concurrent.kill(trapper)
m = concurrent.receive()
assert(m.from == trapper and m.reason == 'killed')

-- pcall does not help
local stubborn = concurrent.spawnmonitor(function()
  while true do pcall(function() while true do end end) end
end)
concurrent.kill(stubborn)
assert(concurrent.receive().reason == 'killed')

-- by name; and killing nobody
local named = concurrent.spawnmonitor(function() concurrent.receive() end)
concurrent.register('victim', named)
assert(concurrent.kill('victim', 'by name') == true)
assert(concurrent.receive().reason == 'by name')
assert(concurrent.whereis('victim') == nil)
assert(concurrent.kill('victim') == false)
assert(concurrent.loop() == true)
