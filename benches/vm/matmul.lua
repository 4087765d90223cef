-- Arrays of arrays of floats: the product of two matrices.

local n = tonumber(arg and arg[1]) or 320

local function matrix(f)
  local m = {}
  for i = 1, n do
    local row = {}
    for j = 1, n do row[j] = f(i, j) end
    m[i] = row
  end
  return m
end

local function transposed(m)
  return matrix(function(i, j) return m[j][i] end)
end

local function product(a, b)
  local columns = transposed(b)
  local result = {}
  for i = 1, n do
    local left, row = a[i], {}
    for j = 1, n do
      local right, sum = columns[j], 0.0
      for k = 1, n do sum = sum + left[k] * right[k] end
      row[j] = sum
    end
    result[i] = row
  end
  return result
end

local a = matrix(function(i, j) return (i - j) * (i + j) / n end)
local b = matrix(function(i, j) return (i + 2 * j) % 7 / 3 end)
local c = product(a, b)
local trace = 0
for i = 1, n do trace = trace + c[i][i] end
print(string.format('trace %.6f, corner %.6f', trace, c[n][1]))
