-- life: generations on a torus, rows of tables of tables, with neighbours counted. arg[1] = generations.
local N = (arg and arg[1] or 2000) + 0

local W, H = 80, 60
local function grid()
  local g = {}
  for y = 1, H do
    local row = {}
    for x = 1, W do row[x] = 0 end
    g[y] = row
  end
  return g
end
local a, b = grid(), grid()
local seed = 1
for y = 1, H do
  for x = 1, W do
    seed = (seed * 16807) % 2147483647
    a[y][x] = seed % 3 == 0 and 1 or 0
  end
end
local function step(from, to)
  for y = 1, H do
    local up, row, down = from[(y - 2) % H + 1], from[y], from[y % H + 1]
    local out = to[y]
    for x = 1, W do
      local l, r = (x - 2) % W + 1, x % W + 1
      local n = up[l] + up[x] + up[r] + row[l] + row[r] + down[l] + down[x] + down[r]
      if n == 3 or (n == 2 and row[x] == 1) then out[x] = 1 else out[x] = 0 end
    end
  end
end
for _ = 1, N do
  step(a, b)
  a, b = b, a
end
local alive, sum = 0, 0
for y = 1, H do
  for x = 1, W do
    alive = alive + a[y][x]
    sum = (sum * 3 + a[y][x]) % 1000003
  end
end
print("life", N, alive, sum)
