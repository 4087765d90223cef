-- math.random and randomseed: ranges, repeatability, errors.

-- a float in [0, 1)
for _ = 1, 50 do
  local r = math.random()
  assert(math.type(r) == 'float' and r >= 0 and r < 1)
end

-- integers in ranges
local seen = {}
for _ = 1, 200 do
  local r = math.random(6)
  assert(math.type(r) == 'integer' and r >= 1 and r <= 6)
  seen[r] = true
end
for i = 1, 6 do assert(seen[i], 'a die that never shows ' .. i) end
for _ = 1, 50 do
  local r = math.random(-3, 3)
  assert(r >= -3 and r <= 3)
  assert(math.random(5, 5) == 5)
  r = math.random(math.mininteger, math.maxinteger)
  assert(math.type(r) == 'integer')
  r = math.random(math.maxinteger - 1, math.maxinteger)
  assert(r >= math.maxinteger - 1)
  r = math.random(10.0, '20')
  assert(r >= 10 and r <= 20)
  assert(math.type(math.random(0)) == 'integer')
end

-- the same seed gives the same numbers
local function take(...)
  math.randomseed(...)
  local t = {}
  for i = 1, 10 do t[i] = math.random(1000000) end
  return table.concat(t, ' ')
end
local a = take(42)
assert(take(42) == a and take(43) ~= a and take(42) == a)
local b = take(1, 2)
assert(take(1, 2) == b and take(1, 3) ~= b and take(42.0) == a)
math.randomseed(7)
local x, y = math.random(), math.random(100)
math.randomseed(7)
assert(math.random() == x and math.random(100) == y)

-- without arguments: some seed
math.randomseed()
assert(math.random() < 1)

-- errors
local function fails(msg, ...)
  local ok, e = pcall(math.random, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails('interval is empty', 2, 1)
fails('interval is empty', -1)
fails('interval is empty', math.maxinteger, math.mininteger)
fails('wrong number of arguments', 1, 2, 3)
fails('number has no integer representation', 1.5)
fails('number expected, got string', 'x')

-- shuffle keeps the elements
local t = {}
for i = 1, 50 do t[i] = i end
for i = #t, 2, -1 do local j = math.random(i); t[i], t[j] = t[j], t[i] end
table.sort(t)
for i = 1, 50 do assert(t[i] == i) end
