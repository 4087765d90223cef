-- Table constructors.

local t = { 1, 2, 3 }
assert(#t == 3 and t[1] == 1 and t[3] == 3)
t = { x = 1, ['y z'] = 2, [10] = 3, [1.5] = 4, [true] = 5 }
assert(t.x == 1 and t['y z'] == 2 and t[10] == 3 and t[1.5] == 4 and t[true] == 5)

-- separators
assert(#{ 1, 2, } == 2 and #{ 1; 2; 3 } == 3 and #{ 1, 2; 3; } == 3 and next {} == nil)

-- positional and named mixed
t = { 'a', k = 'k', 'b', [3] = 'overwritten', 'c' }
assert(t[1] == 'a' and t[2] == 'b' and t[3] == 'c' and t.k == 'k')

-- calls: only the last positional one is expanded
local function f() return 1, 2, 3 end
assert(#{ f() } == 3 and #{ f(), f() } == 4 and #{ (f()) } == 1 and #{ f(), 'x' } == 2)
assert(#{ f(), x = 1 } == 1 and #{ x = 1, f() } == 3 and #{ x = f() } == 0 and ({ x = f() }).x == 1)
local function none() end
assert(#{ none() } == 0 and next { (none()) } == nil)

-- nil values
t = { nil, 2 }
assert(t[1] == nil and t[2] == 2)
t = { x = nil, y = 1 }
assert(next(t) == 'y' and next(t, 'y') == nil)

-- evaluated in order, fresh at each evaluation
local order = {}
local function e(x) order[#order + 1] = x; return x end
t = { e 'a', [e 'k'] = e 'v', e 'b' }
assert(table.concat(order) == 'akvb' and t.k == 'v')
local function new() return {} end
assert(new() ~= new())

-- nested
t = { { 1, { 2, { 3 } } }, f = { g = { h = 'deep' } } }
assert(t[1][2][2][1] == 3 and t.f.g.h == 'deep')
assert(({ 10, 20, 30 })[2] == 20 and ({ a = 1 }).a == 1)
assert(#{ {}, {}, {} } == 3)

-- functions inside
local obj = {
  n = 5,
  get = function(self) return self.n end,
  [1] = function() return 'one' end,
}
assert(obj:get() == 5 and obj[1]() == 'one')

-- a key of nil or nan is an error
local ok, msg = pcall(function() local k; return { [k] = 1 } end)
assert(not ok and msg:find('index is nil', 1, true))
ok, msg = pcall(function() return { [0 / 0] = 1 } end)
assert(not ok and msg:find('index is NaN', 1, true))

-- more than one batch of list items
local list = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
  27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, f() }
assert(#list == 55 and list[50] == 50 and list[51] == 51 and list[55] == 3)

-- length of a constructor as an operand
assert(#{ 1, 2 } + #{ 3 } == 3 and -#{ 1 } == -1)
