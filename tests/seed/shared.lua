-- One resource that many want: who gets it is chance, and is the same chance each time.
local concurrent = require 'concurrent'
local root = concurrent.self()
for i = 1, 30 do
  concurrent.spawn(function()
    for _ = 1, math.random(20) * 100 do end
    local got = concurrent.register 'lock'
    while not got do
      concurrent.sleep(1)
      got = concurrent.register 'lock'
    end
    concurrent.send(root, i)
    concurrent.unregister 'lock'
  end)
end
local order = {}
for i = 1, 30 do order[i] = concurrent.receive() end
print(table.concat(order, ' '))
for _, p in ipairs(concurrent.processes()) do
  local info = concurrent.processinfo(p)
  print(p, info and info.status, info and info.heap, info and info.reductions)
end
-- A deadlock's report is of the same order, too.
for _ = 1, 12 do concurrent.spawn(function() concurrent.receive() end) end
print(pcall(concurrent.loop))
