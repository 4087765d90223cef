-- Floats in local variables: how many points of a grid stay bounded.

local size = tonumber(arg and arg[1]) or 800
local LIMIT = 50

local inside, steps = 0, 0
for row = 0, size - 1 do
  local ci = 2.0 * row / size - 1.0
  for column = 0, size - 1 do
    local cr = 2.0 * column / size - 1.5
    local zr, zi, zr2, zi2 = 0.0, 0.0, 0.0, 0.0
    local n = 0
    while n < LIMIT and zr2 + zi2 <= 4.0 do
      zi = 2.0 * zr * zi + ci
      zr = zr2 - zi2 + cr
      zr2, zi2 = zr * zr, zi * zi
      n = n + 1
    end
    steps = steps + n
    if n == LIMIT then inside = inside + 1 end
  end
end
print(string.format('%d of %d points, %d steps', inside, size * size, steps))
