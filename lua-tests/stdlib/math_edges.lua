-- math: integers and floats, infinities, NaN, the ends of the range, results of each function.

local huge, max, min, nan = math.huge, math.maxinteger, math.mininteger, 0 / 0
local function is(value, want)
  assert(value == want and math.type(value) == math.type(want), tostring(value))
  if value == 0 then assert(1 / value == 1 / want) end
end
local function isnan(x) assert(x ~= x) end
local function near(x, y) assert(math.type(x) == 'float' and math.abs(x - y) < 1e-12, x) end

is(math.abs(-5), 5) is(math.abs(5), 5) is(math.abs(-5.5), 5.5) is(math.abs(-0.0), 0.0) is(math.abs(min), min) is(math.abs(-huge), huge) isnan(math.abs(nan)) is(math.abs(max), max)
is(math.ceil(1.2), 2) is(math.ceil(-1.2), -1) is(math.ceil(5), 5) is(math.ceil(1e300), 1e300) is(math.ceil(huge), huge) is(math.ceil(-0.5), 0) is(math.ceil(2^63), 2^63) is(math.ceil('1.5'), 2) isnan(math.ceil(nan))
is(math.floor(1.8), 1) is(math.floor(-1.2), -2) is(math.floor(5), 5) is(math.floor(-1e300), -1e300) is(math.floor(-huge), -huge) is(math.floor(-0.0), 0) is(math.floor(-2^63), min) is(math.floor('7'), 7) isnan(math.floor(nan))
is(math.sqrt(16), 4.0) is(math.sqrt(0), 0.0) isnan(math.sqrt(-1)) is(math.sqrt(huge), huge) near(math.sqrt(2)^2, 2)
is(math.exp(0), 1.0) is(math.exp(-huge), 0.0) is(math.exp(huge), huge) near(math.exp(1), 2.718281828459045)
is(math.log(1), 0.0) is(math.log(0), -huge) isnan(math.log(-1)) is(math.log(8, 2), 3.0) is(math.log(1000, 10), 3.0) near(math.log(27, 3), 3) is(math.log(huge), huge) near(math.log(2), 0.6931471805599453) is(math.log(1024, 2), 10.0) isnan(math.log(1, 1)) is(math.log(4, 0.5), -2.0)
is(math.sin(0), 0.0) is(math.cos(0), 1.0) is(math.tan(0), 0.0) near(math.sin(math.pi / 2), 1) near(math.cos(math.pi), -1) near(math.tan(math.pi / 4), 1) isnan(math.sin(huge)) isnan(math.cos(-huge)) isnan(math.tan(nan))
is(math.asin(0), 0.0) near(math.asin(1), math.pi / 2) is(math.acos(1), 0.0) near(math.acos(-1), math.pi) isnan(math.asin(2)) isnan(math.acos(-2))
is(math.atan(0), 0.0) near(math.atan(1), math.pi / 4) near(math.atan(1, -1), 3 * math.pi / 4) near(math.atan(-1, -1), -3 * math.pi / 4) near(math.atan(0, -1), math.pi) near(math.atan(huge), math.pi / 2) near(math.atan(-0.0, -1), -math.pi) near(math.atan(1, 0), math.pi / 2)
near(math.deg(math.pi), 180) near(math.rad(180), math.pi) is(math.deg(0), 0.0) is(math.rad(0), 0.0)

-- fmod: the sign of the first, integers stay integers
is(math.fmod(7, 3), 1) is(math.fmod(-7, 3), -1) is(math.fmod(7, -3), 1) is(math.fmod(-7, -3), -1) is(math.fmod(min, -1), 0) is(math.fmod(7.5, 2), 1.5) is(math.fmod(-7.5, 2), -1.5) is(math.fmod(5, huge), 5.0) isnan(math.fmod(5, 0.0)) isnan(math.fmod(huge, 1)) is(math.fmod(min, max), -1)

-- modf: the integral part is an integer if it fits, the rest a float
local function modf(x, a, b) local p, q = math.modf(x) is(p, a) is(q, b) end
modf(3.5, 3, 0.5) modf(-3.5, -3, -0.5) modf(5, 5, 0.0) modf(5.0, 5, 0.0) modf(huge, huge, 0.0) modf(-huge, -huge, 0.0) modf(0.25, 0, 0.25) modf(1e300, 1e300, 0.0) modf(min, min, 0.0)
local p, q = math.modf(nan)
assert(p ~= p and q ~= q)

-- max and min keep the argument
is(math.max(1, 2.5), 2.5) is(math.max(2, 1.0), 2) is(math.max(1, 1.0), 1) is(math.max(1.0, 1), 1.0) is(math.min(1, 2.5), 1) is(math.min(3), 3) is(math.max(-huge, min), min) is(math.min(huge, max), max) isnan(math.max(nan, 1)) is(math.max(1, nan), 1) is(math.max(max, max + 0.0), max + 0.0)

-- tointeger, type, ult
is(math.tointeger(3.0), 3) is(math.tointeger(5), 5) assert(math.tointeger(3.5) == nil and math.tointeger(huge) == nil and math.tointeger(nan) == nil and math.tointeger(2^63) == nil and math.tointeger {} == nil and math.tointeger(nil) == nil and math.tointeger(true) == nil)
is(math.tointeger(-2^63), min) is(math.tointeger('8'), 8) assert(math.tointeger 'x' == nil and math.tointeger '1.5' == nil and math.tointeger(-0.0) == 0)
assert(math.type(1) == 'integer' and math.type(1.0) == 'float' and math.type '1' == nil and math.type(nil) == nil and math.type {} == nil and math.type(2^53) == 'float' and math.type(1e1) == 'float' and math.type(0x10) == 'integer')
assert(math.ult(1, 2) and not math.ult(2, 1) and math.ult(1, -1) and not math.ult(-1, 1) and math.ult(max, min) and not math.ult(min, max) and not math.ult(5, 5) and math.ult(0, -1) and math.ult(1.0, '2'))

-- constants
is(huge, 1 / 0) is(max, 0x7fffffffffffffff) is(min, max + 1) near(math.pi, 3.141592653589793) assert(max + 1 == min and min - 1 == max and -min == min)

-- random: ranges, the ends, seeds
for _ = 1, 50 do
  local r = math.random()
  assert(r >= 0 and r < 1 and math.type(r) == 'float')
  r = math.random(5)
  assert(r >= 1 and r <= 5 and math.type(r) == 'integer')
  r = math.random(-3, 3)
  assert(r >= -3 and r <= 3)
end
is(math.random(7, 7), 7) is(math.random(1), 1) assert(math.type(math.random(0)) == 'integer' and math.type(math.random(min, max)) == 'integer' and math.random(max, max) == max and math.random(min, min) == min)
assert(math.random(3.0) <= 3 and math.random('2') <= 2)
math.randomseed(42)
local first = { math.random(1000), math.random(1000), math.random() }
math.randomseed(42)
assert(math.random(1000) == first[1] and math.random(1000) == first[2] and math.random() == first[3])
math.randomseed(42, 0)
assert(math.random(1000) == first[1])
math.randomseed(42, 1)
local another = { math.random(1000), math.random(1000), math.random() }
assert(another[1] ~= first[1] or another[2] ~= first[2] or another[3] ~= first[3])
local s1, s2 = math.randomseed()
assert(math.type(s1) == 'integer' and math.type(s2) == 'integer')
local a = math.random(0)
math.randomseed(s1, s2)
assert(math.random(0) == a)
local r1, r2 = math.randomseed(7)
assert(r1 == 7 and r2 == 0)
r1, r2 = math.randomseed(3.0, 5)
assert(r1 == 3 and r2 == 5)
