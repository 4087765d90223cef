-- Float arithmetic: infinities, NaN, signed zero, // and % on floats, powers.

local huge = math.huge
local nan = 0 / 0

assert(0.1 + 0.2 ~= 0.3 and 0.5 + 0.25 == 0.75)
assert(1e308 * 10 == huge and -1e308 * 10 == -huge)
assert(huge - huge ~= huge - huge and huge * 0 ~= huge * 0)
assert(nan ~= nan and not (nan == nan) and not (nan < nan) and not (nan <= nan))
assert(not (nan > 1) and not (1 < nan) and not (nan >= nan))

-- signed zeros are equal but divide differently
assert(0.0 == -0.0 and 1 / 0.0 == huge and 1 / -0.0 == -huge)
assert(1 / (0.0 * -1) == -huge and 1 / -(0.0) == -huge)
assert(tostring(-0.0) == '-0.0' and tostring(0.0) == '0.0')

-- floor division
assert(7.5 // 2 == 3.0 and -7.5 // 2 == -4.0 and 7.5 // -2 == -4.0 and -7.5 // -2 == 3.0)
assert(math.type(7.0 // 2) == 'float' and math.type(7 // 2.0) == 'float')
assert(1 // 0.0 == huge and -1 // 0.0 == -huge and 5 // huge == 0.0 and -5 // huge == 0.0)
assert(huge // 1 == huge and (0.0 // 0.0) ~= (0.0 // 0.0))
assert(1e308 // 1e-308 == huge)

-- modulo
assert(5.5 % 2 == 1.5 and -5.5 % 2 == 0.5 and 5.5 % -2 == -0.5 and -5.5 % -2 == -1.5)
assert(5 % huge == 5.0 and -5 % huge == huge and 5 % -huge == -huge and -5 % -huge == -5.0)
assert(huge % 2 ~= huge % 2 and 1 % 0.0 ~= 1 % 0.0)
assert(1 / (0.0 % 1) == huge and 1 / (-0.0 % 1) == -huge)
assert(3.0 % 1.5 == 0.0 and 0.75 % 0.5 == 0.25)
for _, a in ipairs { 5.25, -5.25, 0.5, -0.5 } do
  for _, b in ipairs { 1.5, -1.5, 2.0, -2.0 } do
    assert(a == (a // b) * b + a % b)
  end
end

-- powers
assert(2 ^ 0.5 == math.sqrt(2) and 4 ^ -1 == 0.25 and 0 ^ 0 == 1.0)
assert((-8) ^ 3 == -512.0 and (-2) ^ 2 == 4.0 and -2 ^ 2 == -4.0)
assert((-8) ^ (1 / 3) ~= (-8) ^ (1 / 3))
assert(2 ^ 1024 == huge and 2 ^ -1075 == 0.0 and huge ^ 0 == 1.0 and 1 ^ huge == 1.0)
assert(2 ^ 53 == 9007199254740992.0)

-- negation, subtraction
assert(-(1.5) == -1.5 and 1.5 - 2.5 == -1.0 and - -2.0 == 2.0)

-- limits of precision
assert(2 ^ 53 + 1 == 2 ^ 53 and 2.0 ^ 53 - 1 ~= 2 ^ 53)
assert(1 + 2 ^ -52 ~= 1 and 1 + 2 ^ -54 == 1)
assert(5e-324 > 0 and 5e-324 / 2 == 0)
assert(1.7976931348623157e308 < huge)

-- printing distinguishes floats from integers
assert(tostring(3.0) == '3.0' and tostring(3) == '3' and tostring(1e15) == '1e+15')
assert(tostring(1e14) == '1e+14' and tostring(123456.0) == '123456.0')
assert(tostring(0.1) == '0.1' and tostring(1 / 3) == '0.33333333333333')
assert(tostring(huge) == 'inf' and tostring(-huge) == '-inf')
assert(tostring(2 ^ 63) == '9.2233720368548e+18' and tostring(-1e-10) == '-1e-10')
assert(tostring(1e100) == '1e+100' and 1e15 .. '' == '1e+15' and 2.5 .. '' == '2.5')
