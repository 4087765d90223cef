-- __call: arguments, results, chains, tail calls, all the places where a call can be.

local mt = { __call = function(self, ...) return self, select('#', ...), ... end }
local c = setmetatable({}, mt)
local s, n, a, b = c(1, nil)
assert(s == c and n == 2 and a == 1 and b == nil)
s, n = c()
assert(s == c and n == 0)
s, n, a = c 'str'
assert(n == 1 and a == 'str')

-- method call on an object with a callable field
local o = { m = setmetatable({}, { __call = function(_, self, x) return self, x end }) }
local self, x = o:m(5)
assert(self == o and x == 5)

-- a chain of callables
local f = function(...) return select('#', ...), ... end
local c1 = setmetatable({ 'c1' }, { __call = f })
local c2 = setmetatable({ 'c2' }, { __call = c1 })
local c3 = setmetatable({ 'c3' }, { __call = c2 })
local cnt, p1, p2, p3, arg = c3('x')
assert(cnt == 4 and p1 == c1 and p2 == c2 and p3 == c3 and arg == 'x')

-- in tail position, in iterators, in pcall, in coroutines, in sort, in gsub
local function tail(...) return c3(...) end
assert(tail('t') == 4)
local up = setmetatable({}, { __call = function(_, st, i) if i < st then return i + 1 end end })
local sum = 0
for i in up, 4, 0 do sum = sum + i end
assert(sum == 10)
assert(select(2, pcall(c3)) == 3)
assert(select('#', pcall(c, 1, 2, 3)) == 6)
local ok, e = pcall(setmetatable({}, { __call = function() error('inside', 0) end }))
assert(not ok and e == 'inside')
assert(coroutine.wrap(function() return (c2('co')) end)() == 3)
assert(not pcall(coroutine.create, c))           -- a callable table is no function
local list = { 3, 1, 2 }
assert(not pcall(table.sort, list, c))
assert(not pcall(string.gsub, 'x', 'x', 5 == 5))

-- as metamethods
local addable = setmetatable({}, { __add = setmetatable({}, { __call = function(_, l, r) return 'called' end }) })
assert(addable + 1 == 'called' and 1 + addable == 'called')
local idx = setmetatable({}, { __index = setmetatable({}, { __call = function(_, t, k) return k end }) })
assert(idx.key == nil)  -- a table as __index is indexed, not called

-- varargs and many arguments
local many = setmetatable({}, { __call = function(_, ...) return select('#', ...) end })
local args = {}
for i = 1, 150 do args[i] = i end
assert(many(table.unpack(args)) == 150)

-- recursion through __call
local fact = setmetatable({}, { __call = function(me, k) return k <= 1 and 1 or k * me(k - 1) end })
assert(fact(12) == 479001600)

-- not callable
local function fails(msg, fn)
  local ok2, err = pcall(fn)
  assert(not ok2 and err:find(msg, 1, true), err)
end
fails("attempt to call a table value (local 't')", function() local t = {}; t() end)
fails("attempt to call a number value (field 'f')", function() local t = { f = 1 }; t.f() end)
fails("attempt to call a table value (local 't')", function()
  local t = setmetatable({}, { __call = {} }); t()
end)
