-- sparse: large tables with holes: integer keys far apart, negative and float keys, removal and traversal. arg[1] = keys.
local N = (arg and arg[1] or 500000) + 0

local t = {}
local x = 1
for i = 1, N do
  x = (x * 48271) % 2147483647
  t[x] = i
  if i % 3 == 0 then t[-i] = x end
  if i % 5 == 0 then t[i + 0.5] = x end
end
local n, sum = 0, 0
for _, v in pairs(t) do
  n = n + 1
  sum = (sum + v) % 1000003
end
x = 1
for i = 1, N do
  x = (x * 48271) % 2147483647
  if i % 2 == 0 then t[x] = nil else sum = (sum + t[x] + (t[-i] or 0) + (t[i + 0.5] or 0)) % 1000003 end
end
local grid = {}
for i = 1, N do
  local key = (i * 7919 % 1000) * 1000 + i % 1000
  grid[key] = (grid[key] or 0) + i % 10
end
local left = 0
for _ in pairs(t) do left = left + 1 end
for _, v in pairs(grid) do sum = (sum + v) % 1000003 end
print("sparse", N, n, left, sum)
