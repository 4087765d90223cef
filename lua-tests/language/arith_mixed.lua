-- Mixed arithmetic and coercions between strings and numbers.

-- integer with float gives float
assert(1 + 1.0 == 2 and math.type(1 + 1.0) == 'float')
assert(math.type(2 * 0.5) == 'float' and math.type(3 - 1.0) == 'float')
assert(math.type(2 // 1.0) == 'float' and math.type(5 % 2.0) == 'float')
assert(10 // 3.0 == 3.0 and 10.0 % 3 == 1.0)
assert(math.maxinteger + 1.0 == 2 ^ 63 and math.maxinteger + 0.0 == 2 ^ 63)

-- strings in arithmetic keep the type of the numeral
assert('10' + 5 == 15 and math.type('10' + 5) == 'integer')
assert('10' * '2' == 20 and math.type('10' * '2') == 'integer')
assert('1.5' + 1 == 2.5 and '3' / '2' == 1.5 and '2' ^ '3' == 8.0)
assert('10.0' + 0 == 10.0 and math.type('10.0' + 0) == 'float')
assert(' 10 ' + 1 == 11 and '\t0x10\n' + 1 == 17 and '1e1' + 0 == 10.0)
assert('-5' + 0 == -5 and -'3' == -3 and math.type(-'3') == 'integer' and -'2.0' == -2.0)
assert('7' // '2' == 3 and '-7' % '3' == 2 and '7' // 2.0 == 3.0)
assert('0x7fffffffffffffff' + 1 == math.mininteger)
assert('9223372036854775808' + 0 == 2 ^ 63)

-- numbers in concatenation
assert(1 .. 2 == '12' and 1.0 .. '' == '1.0' and -0.0 .. '' == '-0.0')
assert(2 ^ 31 .. '' == '2147483648.0' and 10 // 1 .. '|' == '10|')

-- no coercion in comparison
assert(1 ~= '1' and not (0 == '0') and '10' ~= 10)
assert(not pcall(function() return 1 < '2' end))
assert(not pcall(function() return '1' <= 2 end))

-- no coercion of keys
local t = { [1] = 'int', ['1'] = 'str' }
assert(t[1] == 'int' and t['1'] == 'str' and t[1.0] == 'int')

-- strings that are not numerals
local function fails(f, msg)
  local ok, e = pcall(f)
  assert(not ok and e:find(msg, 1, true), e)
end
fails(function() return 'abc' + 1 end, "attempt to add a 'string' with a 'number'")
fails(function() local s = '1x'; return s * 2 end, "attempt to mul a 'string' with a 'number'")
fails(function() return {} + 1 end, 'attempt to perform arithmetic on a table value')
fails(function() return 1 - nil end, 'attempt to perform arithmetic on a nil value')
fails(function() return -{} end, 'attempt to perform arithmetic on a table value')
fails(function() return 1 - '' end, "attempt to sub a 'number' with a 'string'")
fails(function() return -'1 2' end, "attempt to unm a 'string' with a 'string'")
fails(function() return '0x' // '1' end, "attempt to idiv a 'string' with a 'string'")
fails(function() return true // 2 end, 'attempt to perform arithmetic on a boolean value')

-- where integers are wanted, integral floats and numerals do
assert(('x'):rep(3.0) == 'xxx' and ('x'):rep('2') == 'xx')
assert(('abc'):sub('2', 3.0) == 'bc')
assert(#table.pack(table.unpack({ 1, 2, 3 }, 1.0, '2')) == 2)
fails(function() return ('x'):rep(1.5) end, "bad argument #1 to 'rep' (number has no integer representation)")
fails(function() return ('x'):rep('a') end, "bad argument #1 to 'rep' (number expected, got string)")

-- the metatable of strings brings arithmetic: other types win
local mt = { __add = function(a, b) return 'mt' end }
local o = setmetatable({}, mt)
assert('10' + o == 'mt' and o + '10' == 'mt' and 1 + o == 'mt')
