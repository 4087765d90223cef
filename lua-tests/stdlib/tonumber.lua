-- tonumber: numerals, bases, what is refused.

local function is(v, want) assert(v == want and math.type(v) == math.type(want), tostring(v)) end
is(tonumber(5), 5); is(tonumber(5.0), 5.0); is(tonumber '10', 10); is(tonumber '10.0', 10.0); is(tonumber '1e1', 10.0)
is(tonumber ' 7 ', 7); is(tonumber '\t\n-3\r', -3); is(tonumber '+4', 4); is(tonumber '.5', 0.5); is(tonumber '5.', 5.0)
is(tonumber '0x10', 16); is(tonumber '-0xA', -10); is(tonumber '0x.8', 0.5); is(tonumber '0xAp1', 20.0); is(tonumber '0X1P-2', 0.25)
is(tonumber '9223372036854775807', math.maxinteger); is(tonumber '9223372036854775808', 2 ^ 63)
is(tonumber '-9223372036854775808', math.mininteger); is(tonumber '0xffffffffffffffff', -1); is(tonumber '0x1ffffffffffffffff', -1)
is(tonumber '1e400', math.huge); is(tonumber '00012', 12); is(tonumber '-0', 0); is(1 / tonumber '-0.0', -math.huge)
is(tonumber '0e12', 0.0); is(tonumber '1e-400', 0.0); is(tonumber '123456789012345678901234', 1.2345678901234568e23)

for _, s in ipairs { '', ' ', '-', '+', '.', 'e1', '1e', '1e+', '0x', '0xg', '1 2', '1a', 'a', '--1', '+-1', '- 1', '1.2.3',
  'inf', 'nan', 'Infinity', '0x1p', '1_000', '1,5', '\0', '1\0', '0b1', '1f', '1L', '0x ', "'1'", '１' } do
  assert(tonumber(s) == nil, s)
end

-- other types
assert(tonumber(nil) == nil and tonumber {} == nil and tonumber(true) == nil and tonumber(print) == nil)
assert(not pcall(tonumber))
assert(tonumber(setmetatable({}, { __tostring = function() return '5' end })) == nil)

-- bases
is(tonumber('1010', 2), 10); is(tonumber('ff', 16), 255); is(tonumber('FF', 16), 255); is(tonumber('z', 36), 35); is(tonumber('Zz', 36), 1295)
is(tonumber('777', 8), 511); is(tonumber(' -11 ', 2), -3); is(tonumber('10', 10), 10); is(tonumber('12', 3), 5)
is(tonumber('7fffffffffffffff', 16), math.maxinteger); is(tonumber('ffffffffffffffff', 16), -1); is(tonumber('1' .. ('0'):rep(64), 2), 0)
assert(tonumber('2', 2) == nil and tonumber('g', 16) == nil and tonumber('', 10) == nil and tonumber('1.0', 10) == nil and tonumber('0x10', 16) == nil)
assert(tonumber('- 1', 10) == nil and tonumber('1 1', 10) == nil and tonumber('-', 10) == nil and tonumber('8', 8) == nil)

local function fails(msg, ...)
  local ok, e = pcall(tonumber, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails('base out of range', '1', 1)
fails('base out of range', '1', 37)
fails('string expected, got number', 10, 10)
fails('string expected, got nil', nil, 10)
fails('number has no integer representation', '1', 2.5)

-- tostring and tonumber are inverse
for _, v in ipairs { 0, 1, -1, math.maxinteger, math.mininteger, 0.5, -1.25, 1e100, 123456.789 } do is(tonumber(tostring(v)), v) end
for b = 2, 36 do
  local n, s = 123456, ''
  while n > 0 do local dgt = n % b; s = ('0123456789abcdefghijklmnopqrstuvwxyz'):sub(dgt + 1, dgt + 1) .. s; n = n // b end
  is(tonumber(s, b), 123456)
end
