-- Keys, methods and loops in each of the ways in which the machine finds them.

-- Strings that are equal but not the same one; the variable that held the other is still what it was.
local counts = {}
for i = 1, 50 do counts['k' .. i] = i end
for i = 1, 50 do
  local key = 'k' .. i
  assert(counts[key] == i)
  counts[key] = counts[key] + 1
  assert(counts[key] == i + 1 and key == 'k' .. i and #key == #tostring(i) + 1)
  assert(counts['n' .. i] == nil)
end

-- Integers of the hash part, and such as are not there.
local sparse = {}
for i = 1, 40 do sparse[i * 1000] = i end
for i = 1, 40 do
  assert(sparse[i * 1000] == i and sparse[i * 1000 + 1] == nil)
  sparse[i * 1000] = sparse[i * 1000] + 1
  sparse[i * 1000] = nil
  assert(sparse[i * 1000] == nil)
  sparse[i * 1000] = 7
end
local none = {}
assert(none[0] == nil and none[1] == nil and none[''] == nil)
none[0] = 'zero'
assert(none[0] == 'zero' and none[0.0] == 'zero' and none[-0.0] == 'zero')

-- A key whose value is nil asks the metatable, and so does a store to it.
local asked = {}
local proxy = setmetatable({}, {
  __index = function(_, k) asked[#asked + 1] = k; return k end,
  __newindex = function(t, k, v) rawset(t, k, v == 1 and 'stored' or v) end,
})
local name = 'na' .. 'me'
assert(proxy[name] == 'name' and proxy[5000] == 5000)
proxy[name] = 1
proxy[5000] = 1
assert(rawget(proxy, 'name') == 'stored' and rawget(proxy, 5000) == 'stored')
proxy[name] = nil
proxy[name] = 1
assert(rawget(proxy, 'name') == 'stored' and #asked == 2)

-- Methods: the object's own, the class's, one above it, of a function, and none.
local base = { shared = function() return 'base' end }
base.__index = base
local class = setmetatable({ near = function() return 'class' end, hidden = false }, base)
class.__index = class
local object = setmetatable({ own = function() return 'own' end, near = nil }, class)
for _ = 1, 3 do
  assert(object:own() == 'own' and object:near() == 'class' and object:shared() == 'base')
end
object.near = function(self) return self == object end
assert(object:near() == true)
object.near = nil
assert(object:near() == 'class')
class.near = nil
base.near = function() return 'far' end
assert(object:near() == 'far')
local dynamic = setmetatable({}, { __index = function(_, k) return function() return k end end })
assert(dynamic:anything() == 'anything')
assert(not pcall(function() return object:missing() end))
assert(select(2, pcall(function() object:hidden() end)):find("method 'hidden'", 1, true))
assert(select(2, pcall(function() return ({}):plain() end)):find("method 'plain'", 1, true))
function string.shout(s) return s:upper() .. '!' end
assert(('a'):shout() == 'A!' and ('a' .. 'b'):shout() == 'AB!')
string.shout = nil
assert(not pcall(function() return ('a'):shout() end))

-- Fewer and more arguments than parameters; several results, cut and filled.
local function three(a, b, c) return a, b, c end
assert(select('#', three()) == 3 and three() == nil and select(3, three(1, 2, 3, 4)) == 3)
local p, q, r, s = three(1, 2)
assert(p == 1 and q == 2 and r == nil and s == nil)
local function two() return 1, 2 end
local x = two()
local y, z, w = two()
assert(x == 1 and y == 1 and z == 2 and w == nil)
assert(select('#', two(), two()) == 3)
local function closing() local v = 5; local function get() return v end; return get(), get, v end
local got, get, v = closing()
assert(got == 5 and get() == 5 and v == 5)
local m, n = ('x'):byte(1, 3)
assert(m == 120 and n == nil)

-- Loops at the ends of what integers there are.
local function turns(first, last, step)
  local k = 0
  for _ = first, last, step do k = k + 1 end
  return k
end
assert(turns(1, 0, 1) == 0 and turns(1, 1, 1) == 1 and turns(3, 5, 1) == 3 and turns(5, 3, -1) == 3)
assert(turns(math.maxinteger - 1, math.maxinteger, 1) == 2 and turns(math.mininteger, math.mininteger + 1, 1) == 2)
assert(turns(math.maxinteger, math.mininteger, 1) == 0 and turns(1, 3.9, 1) == 3 and turns(1.0, 2, 0.5) == 3)
assert(not pcall(turns, 1, 2, 0))

-- Arithmetic of integers, of floats, and of both.
local a, b = 7, 2.5
assert(a % 4 == 3 and a % b == 2.0 and -a % 4 == 1 and a // 2 == 3 and a // b == 2.0 and -7.5 // 2 == -4.0)
assert(a / 2 == 3.5 and b / 2 == 1.25 and b ^ 2 == 6.25 and a ^ 2 == 49.0 and 2 ^ 10 == 1024.0 and 4.0 ^ 0.5 == 2.0)
assert(math.type(a // 2) == 'integer' and math.type(a / 7) == 'float' and math.type(2 ^ 2) == 'float')
assert(not pcall(function() return a % 0 end) and a % math.huge == 7.0 and 1 // 0.0 == math.huge)

-- Pairs of operations whose parts are of different kinds.
local list = { 1, 2.5, '3', 4 }
assert(1 + list[1] == 2 and 1.5 + list[1] == 2.5 and 1 + list[2] == 3.5 and 1 + list[3] == 4 and list[4] * list[2] == 10.0)
assert(2 * 3 + 1.5 == 7.5 and a * b + 1 == 18.5 and 1 + a * a == 50 and a + a + b == 16.5 and '2' * a + a == 21)
