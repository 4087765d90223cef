-- Integers and floats at their edges stay what they are, bit for bit.
local nan = 0 / 0
local values = { math.mininteger, math.maxinteger, -1, 0, 1, 1 << 53, (1 << 53) + 1, 0.0, -0.0, 1 / 0, -1 / 0, 5e-324, 1.7976931348623157e308,
  2.0 ^ 53, 2.0 ^ 63, -2.0 ^ 63, 0.1, 1e15, 1e16, 2 ^ -1074, 3.0 }
local texts = {}
for i, v in ipairs(values) do texts[i] = (math.type(v) == 'integer' and '%d' or '%a'):format(v) end
for round = 1, 8 do
  for i, v in ipairs(values) do
    assert((math.type(v) == 'integer' and '%d' or '%a'):format(v) == texts[i], texts[i])
  end
  assert(nan ~= nan and 1 / values[9] == -1 / 0 and 1 / values[8] == 1 / 0)
  assert(math.maxinteger + 1 == math.mininteger and math.mininteger // -1 == math.mininteger and -math.mininteger == math.mininteger)
  assert(math.type(3.0) == 'float' and math.type(3) == 'integer' and 3.0 == 3)
  local t = { [1] = 'int', [2.0] = 'float', [2 ^ 53] = 'big' }
  assert(t[1.0] == 'int' and t[2] == 'float' and t[1 << 53] == 'big')
  local n = 0
  for i = math.maxinteger - 3, math.maxinteger do n = n + 1 end
  for i = math.mininteger, math.mininteger + 3 do n = n + 1 end
  for x = 0.1, 0.5, 0.1 do n = n + 1 end
  assert(n == 8 + 5)
  assert(string.pack('n', nan) == string.pack('n', nan))
end
