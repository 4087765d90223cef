-- Numerals in source text, and names.

assert(3 == 3 and 345 == 300 + 45 and 0xff == 255 and 0XBEBADA == 12499674)
assert(math.type(3) == 'integer' and math.type(3.0) == 'float' and math.type(3.) == 'float')
assert(.5 == 0.5 and 5. == 5 and 3.1416 > 3 and 314.16e-2 == 3.1416 and 0.31416E1 == 3.1416)
assert(34e1 == 340 and math.type(34e1) == 'float' and 1e+2 == 100 and 1E-2 == 0.01)

-- hexadecimal floats
assert(0x0.1E == 0.1171875 and 0xA23p-4 == 162.1875 and 0X1.921FB54442D18P+1 == math.pi)
assert(0x.8 == 0.5 and 0x8. == 8.0 and 0x1p4 == 16.0 and math.type(0x1p4) == 'float')
assert(0xA.8p1 == 21.0 and 0x1p-1074 == 5e-324)

-- borders
assert(9223372036854775807 == math.maxinteger)
assert(9223372036854775808 == 2 ^ 63 and math.type(9223372036854775808) == 'float')
assert(-9223372036854775808 == math.mininteger and math.type(-9223372036854775808) == 'float')
assert(0x7fffffffffffffff == math.maxinteger and 0x8000000000000000 == math.mininteger)
assert(0xffffffffffffffff == -1 and 0x1ffffffffffffffff == -1)
assert(1e400 == math.huge and 1e-400 == 0.0)
assert(123456789012345678901234567890 == 1.2345678901234567e29)

-- operators next to numerals
assert(3-2 == 1 and 3 - -2 == 5 and 2^-1 == 0.5 and 2^- -1 == 2)
assert(1 ..2 == '12' and 0x10 ..'' == '16')
assert(({ [1]=2 })[1] == 2 and (5)//2 == 2)

-- names
local _, _a1, Abc, and_, END = 1, 2, 3, 4, 5
assert(_ + _a1 + Abc + and_ + END == 15)
local function_ = 6
assert(function_ == 6)

-- malformed
local function bad(code, near)
  local f, e = load('return ' .. code, '=n')
  assert(f == nil and e == "n:1: malformed number near '" .. near .. "'", e)
end
bad('3x', '3x')
bad('0x', '0x')
bad('1e', '1e')
bad('1e+', '1e+')
bad('1..2', '1..2')
bad('3.4.5', '3.4.5')
bad('0xg', '0xg')
bad('1p4', '1p')
bad('0x1p', '0x1p')
bad('12abc', '12abc')

-- reserved words are no names
for w in ([[and break do else elseif end false for function goto if in local nil not or repeat
            return then true until while]]):gmatch '%a+' do
  assert(not load('local ' .. w .. ' = 1'), w)
  assert(load('return ({}).x' .. w), w)
end
