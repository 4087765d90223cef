-- queens: all solutions by recursion over arrays of booleans, and once more with bits. arg[1] = size.
local N = (arg and arg[1] or 12) + 0

local function array(n, v)
  local size = N + n
  local solutions, columns, up, down = 0, {}, {}, {}
  for i = 1, size do columns[i] = v end
  for i = 1, 2 * size do up[i], down[i] = v, v end
  local function place(row)
    if row > size then
      solutions = solutions + 1
      return
    end
    for col = 1, size do
      local u, d = row + col, row - col + size
      if columns[col] and up[u] and down[d] then
        columns[col], up[u], down[d] = false, false, false
        place(row + 1)
        columns[col], up[u], down[d] = true, true, true
      end
    end
  end
  place(1)
  return solutions
end
local function bits(size)
  local all = (1 << size) - 1
  local function place(columns, left, right)
    if columns == all then return 1 end
    local n, free = 0, ~(columns | left | right) & all
    while free ~= 0 do
      local bit = free & -free
      free = free ~ bit
      n = n + place(columns | bit, (left | bit) << 1, (right | bit) >> 1)
    end
    return n
  end
  return place(0, 0, 0)
end
print("queens", N, array(0, true), bits(N + 1))
