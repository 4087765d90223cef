-- test: processes
-- test: workers
-- Many processes: a thousand send to one, the sum is right whatever the order.
local concurrent = require 'concurrent'
local root = concurrent.self()

local N = 1000
for i = 1, N do
  concurrent.spawn(function(n) concurrent.send(root, n) end, i)
end
local sum = 0
for _ = 1, N do sum = sum + concurrent.receive() end
assert(sum == N * (N + 1) // 2)
assert(concurrent.loop() == true)
assert(concurrent.receive(0) == nil)

-- order between each pair is kept, though the senders mix
for s = 1, 10 do
  concurrent.spawn(function() for i = 1, 20 do concurrent.send(root, { s = s, i = i }) end end)
end
local last = {}
for _ = 1, 200 do
  local m = concurrent.receive()
  assert(m.i == (last[m.s] or 0) + 1)
  last[m.s] = m.i
end
for s = 1, 10 do assert(last[s] == 20) end
print('sum', sum)
