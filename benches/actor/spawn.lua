-- Creation and end: processes that tell the root one number each, a batch at a time.

local concurrent = require 'concurrent'
local n = tonumber(arg and arg[1]) or 100000
local BATCH = 1000

local root = concurrent.self()
local function body(number) concurrent.send(root, number) end

local sum = 0
for first = 1, n, BATCH do
  local last = math.min(first + BATCH - 1, n)
  for i = first, last do concurrent.spawn(body, i) end
  for _ = first, last do sum = sum + concurrent.receive() end
end
concurrent.loop()
assert(sum == n * (n + 1) // 2)
print(string.format('%d processes, sum %d', n, sum))
