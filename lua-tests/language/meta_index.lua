-- __index: tables, chains, functions, strings, missing keys.

-- table
local base = { a = 1, b = 2 }
local t = setmetatable({ b = 20 }, { __index = base })
assert(t.a == 1 and t.b == 20 and t.c == nil and rawget(t, 'a') == nil)
t.a = 10
assert(t.a == 10 and base.a == 1)
t.a = nil
assert(t.a == 1)
t.f = false
base.f = true
assert(t.f == false)

-- chain
local level = {}
for i = 1, 20 do level = setmetatable({ ['k' .. i] = i }, { __index = level }) end
for i = 1, 20 do assert(level['k' .. i] == i) end
assert(level.k21 == nil)

-- function: receives the table and the key; one result
local calls = {}
local f = setmetatable({}, { __index = function(self, k)
  calls[#calls + 1] = k
  return k == 'x' and self or k, 'dropped'
end })
assert(f.x == f and f[1] == 1 and f[true] == true and f[1.5] == 1.5 and select('#', f.y) == 1)
assert(#calls == 5 and calls[1] == 'x')
rawset(f, 'z', 'raw')
assert(f.z == 'raw' and #calls == 5)

-- nil and nan can be asked for
local n = setmetatable({}, { __index = function(_, k) return k == nil and 'nil' or 'other' end })
assert(n[nil] == 'nil' and n[0 / 0] == 'other')

-- function at the end of a chain gets the table it belongs to
local inner = setmetatable({}, { __index = function(self, k) return self.name .. '.' .. k end })
inner.name = 'inner'
local outer = setmetatable({ name = 'outer' }, { __index = inner })
assert(outer.key == 'inner.key')

-- __index on values that are not tables
assert(('abc').len == string.len and (''):rep(0) == '')
local smt = getmetatable('')
local old = smt.__index
smt.__index = function(s, k) return type(k) == 'number' and old.sub(s, k, k) or old[k] end
assert(('hello')[1] == 'h' and ('hello')[5] == 'o' and ('x'):upper() == 'X')
smt.__index = old
assert(('hello')[1] == nil)

-- method calls
local Class = { greet = function(self) return 'hi ' .. self.name end }
Class.__index = Class
local o = setmetatable({ name = 'o' }, Class)
assert(o:greet() == 'hi o' and o.greet == Class.greet)

-- memoizing with __index
local fib
fib = setmetatable({ 1, 1 }, { __index = function(self, k)
  local v = self[k - 1] + self[k - 2]
  self[k] = v
  return v
end })
assert(fib[40] == 102334155 and rawget(fib, 40) == 102334155)

-- errors inside, and in a broken chain
local bad = setmetatable({}, { __index = function() error('no access', 0) end })
local ok, e = pcall(function() return bad.x end)
assert(not ok and e == 'no access')
local num = setmetatable({}, { __index = 5 })
ok, e = pcall(function() return num.x end)
assert(not ok and e:find('attempt to index a number value', 1, true))

-- a loop in the chain is an error
local a, b = {}, {}
setmetatable(a, { __index = b }); setmetatable(b, { __index = a })
ok, e = pcall(function() return a.x end)
assert(not ok and e:find("'__index' chain too long; possible loop", 1, true), e)
