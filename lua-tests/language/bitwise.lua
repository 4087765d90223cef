-- Bitwise operators: integers, integral floats, shifts.

assert(0xF0 & 0x3C == 0x30 and 0xF0 | 0x0F == 0xFF and 0xFF ~ 0x0F == 0xF0)
assert(~0 == -1 and ~5 == -6 and ~~5 == 5 and ~math.maxinteger == math.mininteger)
assert(-1 & 0xFF == 255 and -1 | 0 == -1 and -1 ~ -1 == 0)

-- shifts are logical
assert(1 << 4 == 16 and 256 >> 4 == 16 and -1 >> 63 == 1 and -1 >> 60 == 15)
assert(1 << 63 == math.mininteger and 1 << 62 == 4611686018427387904)
assert(math.mininteger >> 63 == 1 and -1 << 1 == -2)

-- by 64 and more: zero; negative: the other way
assert(1 << 64 == 0 and 1 >> 64 == 0 and -1 << 64 == 0 and -1 >> 64 == 0)
assert(-1 << 100 == 0 and -1 >> 1000 == 0 and 1 << math.maxinteger == 0)
assert(1 << -1 == 0 and 2 << -1 == 1 and 1 >> -4 == 16 and -1 >> -63 == math.mininteger)
assert(1 << -64 == 0 and 1 >> -64 == 0)
assert(5 << math.mininteger == 0 and 5 >> math.mininteger == 0)
assert(3 << 0 == 3 and 3 >> 0 == 3)

-- with variables on either side (constants may be folded)
local one, n = 1, 65
assert(one << n == 0 and one << 3 == 8 and 2 << one == 4 and one >> n == 0)
assert(one << -n == 0 and 7 & one == 1 and one | 6 == 7 and 7 ~ one == 6)
for i = 0, 63 do
  assert((one << i) >> i == 1)
  assert((one << i) & ~(one << i) == 0)
  assert((one << i) == math.tointeger(2 ^ i) or i == 63)
end

-- integral floats
assert(3.0 & 1 == 1 and 2 ^ 10 | 0 == 1024 and ~5.0 == -6 and 1.0 << 2.0 == 4)
assert(math.type(3.0 | 0) == 'integer' and -0.0 | 0 == 0)
assert(2 ^ 62 | 0 == 1 << 62 and -(2 ^ 63) | 0 == math.mininteger)

-- strings are not converted, unlike in arithmetic
for _, f in ipairs {
  function() return '3' & 1 end, function() return 1 | '3' end, function() return ~'0' end,
  function() return '1' << 2 end, function() return 1 >> '0' end, function() return '7' ~ '2' end,
} do
  local ok, e = pcall(f)
  assert(not ok and e:find('attempt to perform bitwise operation on a string value', 1, true), e)
end

-- errors
local function fails(msg, f)
  local ok, e = pcall(f)
  assert(not ok and e:match(':%d+: (.*)') == msg, e)
end
fails("number (local 'x') has no integer representation", function() local x = 1.5; return x & 1 end)
fails('number has no integer representation', function() return 1 | 2 ^ 63 end)
fails("number (local 'h') has no integer representation", function() local h = math.huge; return ~h end)
fails('number has no integer representation', function() return 0 / 0 << 1 end)
fails('attempt to perform bitwise operation on a table value', function() return {} & 1 end)
fails('attempt to perform bitwise operation on a nil value', function() return 1 << nil end)
fails("attempt to perform bitwise operation on a boolean value (local 'b')",
  function() local b = true; return ~b end)

-- precedence: shifts bind weaker than +, & stronger than ~ stronger than |
assert(1 << 2 + 1 == 8 and 1 | 2 & 3 == 3 and 1 | 6 ~ 2 & 3 == 5)
assert(5 & 4 == 4 and 5 > 4 | 1 == false)

-- a xorshift generator needs all of them
local s = 88172645463325252
for _ = 1, 10 do s = s ~ (s << 13); s = s ~ (s >> 7); s = s ~ (s << 17) end
assert(s ~= 0 and math.type(s) == 'integer')
