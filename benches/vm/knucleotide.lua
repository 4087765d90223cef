-- knucleotide: counts of substrings of a long text, by string.sub, sorted. arg[1] = length of the text.
local N = (arg and arg[1] or 180000) + 0

local seed, parts = 42, {}
for i = 1, N do
  seed = (seed * 3877 + 29573) % 139968
  parts[i] = seed < 42000 and "A" or seed < 69000 and "C" or seed < 96000 and "G" or "T"
end
local text = table.concat(parts)
local function counts(k)
  local t = {}
  for i = 1, #text - k + 1 do
    local s = text:sub(i, i + k - 1)
    t[s] = (t[s] or 0) + 1
  end
  return t
end
local sum = 0
for _, k in ipairs({ 1, 2, 4, 6, 12 }) do
  local t, keys = counts(k), {}
  for s in pairs(t) do keys[#keys + 1] = s end
  table.sort(keys, function(a, b)
    if t[a] ~= t[b] then return t[a] > t[b] end
    return a < b
  end)
  for i = 1, math.min(20, #keys) do sum = (sum * 31 + t[keys[i]] + keys[i]:byte(1)) % 1000003 end
end
print("knucleotide", N, sum)
