-- math: every function; types of results.

local pi, huge = math.pi, math.huge
assert(('%.10f'):format(pi) == '3.1415926536' and huge == 1 / 0 and math.maxinteger + 1 == math.mininteger)

-- floor, ceil: integers where they fit, floats where they do not
assert(math.floor(3.7) == 3 and math.floor(-3.7) == -4 and math.ceil(3.2) == 4 and math.ceil(-3.2) == -3)
assert(math.type(math.floor(3.7)) == 'integer' and math.floor(5) == 5 and math.type(math.ceil(-0.5)) == 'integer')
assert(math.floor(1e300) == 1e300 and math.type(math.floor(1e300)) == 'float' and math.ceil(huge) == huge and math.floor(-huge) == -huge)
assert(math.floor(2 ^ 62) == 1 << 62 and math.type(math.floor(2 ^ 63)) == 'float' and math.floor(-(2 ^ 63)) == math.mininteger)

assert(math.abs(-5) == 5 and math.abs(5.5) == 5.5 and math.abs(math.mininteger) == math.mininteger and math.type(math.abs(-1.0)) == 'float')
assert(math.max(1, 5, 3) == 5 and math.min(4, -2, 8) == -2 and math.max(1, 1.5) == 1.5 and math.max(2) == 2 and math.type(math.max(1, 1.0)) == 'integer')
assert(not pcall(math.max) and not pcall(math.min) and math.max(-huge, huge) == huge)

-- modf: the integral part is printed as a float that is integral
local i, f = math.modf(3.25)
assert(i == 3 and f == 0.25)
i, f = math.modf(-3.25)
assert(i == -3 and f == -0.25)
i, f = math.modf(huge)
assert(i == huge and f == 0)
i, f = math.modf(5)
assert(i == 5 and f == 0 and math.type(f) == 'float')

-- fmod: the sign of the dividend
assert(math.fmod(6, 4) == 2 and math.fmod(-6, 4) == -2 and math.fmod(6, -4) == 2 and math.fmod(-6, -4) == -2)
assert(math.type(math.fmod(6, 4)) == 'integer' and math.fmod(5.5, 2) == 1.5 and math.fmod(-5.5, 2) == -1.5)
assert(math.fmod(math.mininteger, -1) == 0 and math.fmod(math.mininteger, math.maxinteger) == -1 and math.fmod(5, huge) == 5)
local ok, e = pcall(math.fmod, 1, 0)
assert(not ok and e:find('(zero)', 1, true))
local nan = math.fmod(1, 0.0)
assert(nan ~= nan)

assert(math.sqrt(16) == 4 and math.sqrt(2) ^ 2 - 2 < 1e-15 and math.sqrt(-1) ~= math.sqrt(-1))
assert(math.exp(0) == 1 and math.log(1) == 0 and math.log(8, 2) == 3 and math.log(1000, 10) == 3 and math.log(0) == -huge)
assert(math.abs(math.log(27, 3) - 3) < 1e-12 and math.abs(math.exp(1) - 2.718281828459) < 1e-10)

local function near(a, b) return math.abs(a - b) < 1e-12 end
assert(math.sin(0) == 0 and near(math.sin(pi / 2), 1) and near(math.cos(pi), -1) and math.cos(0) == 1 and near(math.tan(pi / 4), 1))
assert(near(math.asin(1), pi / 2) and near(math.acos(0), pi / 2) and near(math.atan(1), pi / 4) and near(math.atan(1, -1), 3 * pi / 4))
assert(math.atan(0, -1) == pi and math.atan(-0.0, -1) == -pi and near(math.atan(huge), pi / 2) and near(math.deg(pi), 180) and near(math.rad(90), pi / 2))

-- type, tointeger, ult
assert(math.type(1) == 'integer' and math.type(1.0) == 'float' and math.type('1') == nil and math.type(nil) == nil and not pcall(math.type))
assert(math.tointeger(3.0) == 3 and math.tointeger(3.5) == nil and math.tointeger(2 ^ 63) == nil and math.tointeger(huge) == nil)
assert(math.tointeger(-(2 ^ 63)) == math.mininteger and math.tointeger({}) == nil and math.tointeger(7) == 7 and math.tointeger('x') == nil)
assert(math.ult(1, 2) and math.ult(1, -1) and not math.ult(-1, 1) and math.ult(math.maxinteger, math.mininteger) and not math.ult(0, 0))

-- strings are converted, others are not
assert(math.floor('3.7') == 3 and math.sqrt('9') == 3)
ok, e = pcall(math.floor, 'x')
assert(not ok and e:find('number expected, got string', 1, true))
assert(not pcall(math.sin, {}) and not pcall(math.abs) and not pcall(math.ult, 1.5, 2))
