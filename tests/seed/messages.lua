-- Many processes, messages, timers, chance and time: all that could differ from run to run.
local concurrent = require 'concurrent'
local root = concurrent.self()

print(root, os.time(), os.clock(), os.date '!%c', concurrent.time())
print(math.random(), math.random(1000), tostring {}, tostring(print), tostring(function() end), io.stdout)
print(('%p'):format {}, coroutine.create(print))

local function worker(n)
  local t = {}
  for i = 1, math.random(10) do t[concurrent.self()] = i; t[{}] = i; t[tostring {}] = i; t[function() end] = i end
  for k, v in pairs(t) do print(n, k, v) end
  concurrent.sleep(math.random(0, 3))
  concurrent.send(root, { n = n, time = concurrent.time(), clock = os.clock(), what = tostring {} })
end
local pids = {}
for i = 1, 50 do pids[concurrent.spawn(worker, i)] = i end
for pid, i in pairs(pids) do print(pid, i) end
for _ = 1, 50 do
  local m = concurrent.receive()
  print(m.n, m.time, m.clock, m.what, m)
end

-- Timers that are due together, and timeouts that lose against messages.
for i = 1, 30 do
  concurrent.spawn(function()
    local m = concurrent.receive(i % 5)
    concurrent.send(root, i .. tostring(m))
  end)
end
for _ = 1, 30 do print(concurrent.receive()) end

-- Printing at once, with slices that are cut off.
for i = 1, 20 do
  concurrent.spawn(function()
    for j = 1, 20 do
      print(i, j)
      for _ = 1, 1000 do end
    end
  end)
end
concurrent.loop()

-- Ends of all kinds.
concurrent.setoption('trapexit', true)
for i = 1, 20 do
  local p = concurrent.spawnlink(function()
    concurrent.receive(math.random(5))
    concurrent.exit(tostring {})
  end)
  concurrent.monitor(p)
  if i % 3 == 0 then concurrent.kill(p) end
end
for _ = 1, 40 do
  local m = concurrent.receive(100)
  print(m and m.signal, m and m.from, m and m.reason)
end
print(collectgarbage 'count', concurrent.processinfo(root).reductions, #concurrent.processes())

-- Sorting by chance, and the order of names.
local names = {}
for i = 1, 20 do names[i] = tostring(math.random(0)) end
table.sort(names, function(a, b) return a < b end)
print(table.concat(names, ' '))
print(os.tmpname():match '^/tmp/' ~= nil, os.getenv 'HOME' ~= nil)
