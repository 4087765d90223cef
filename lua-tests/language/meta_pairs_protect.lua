-- __pairs, __metatable, raw access.

-- __pairs gives the three values of the loop
local log = {}
local t = setmetatable({ 1, 2, 3 }, { __pairs = function(self)
  log[#log + 1] = 'pairs'
  return function(s, k)
    k = (k or 0) + 1
    if k <= 2 then return k, s[k] * 10 end
  end, self, nil
end })
local sum = 0
for k, v in pairs(t) do sum = sum + k * 1000 + v end
assert(sum == 3030 and #log == 1)
local f, s, c, extra = pairs(t)
assert(type(f) == 'function' and s == t and c == nil and extra == nil and select('#', pairs(t)) == 3)

-- pairs of a plain table is next, table, nil
f, s, c = pairs { 1 }
assert(f == next and type(s) == 'table' and c == nil)

-- __pairs on a value that is not a table
local smt = getmetatable('')
smt.__pairs = function(str) return function(x, i) i = (i or 0) + 1; if i <= #x then return i, x:sub(i, i) end end, str end
local r = {}
for i, ch in pairs 'abc' do r[i] = ch end
assert(table.concat(r, '-') == 'a-b-c')
smt.__pairs = nil
assert(not pcall(pairs))

-- ipairs respects __index, stops at nil
local ip = setmetatable({}, { __index = function(_, i) if i <= 4 then return i * i end end })
local out = {}
for i, v in ipairs(ip) do out[i] = v end
assert(table.concat(out, ' ') == '1 4 9 16')

-- __metatable hides and protects
local p = setmetatable({}, { __metatable = 'locked' })
assert(getmetatable(p) == 'locked')
local ok, e = pcall(setmetatable, p, {})
assert(not ok and e == 'cannot change a protected metatable')
assert(not pcall(setmetatable, p, nil))
assert(getmetatable(setmetatable({}, { __metatable = false })) == false)

-- getmetatable and setmetatable
local mt = {}
local o = {}
assert(getmetatable(o) == nil and setmetatable(o, mt) == o and getmetatable(o) == mt)
assert(setmetatable(o, nil) == o and getmetatable(o) == nil)
assert(getmetatable('').__index == string and getmetatable(1) == nil and getmetatable(nil) == nil)
ok, e = pcall(setmetatable, o, 5)
assert(not ok and e:find('nil or table expected', 1, true))
assert(not pcall(setmetatable, 'x', {}) and not pcall(setmetatable, o))

-- raw functions do not see metamethods
local m = setmetatable({}, {
  __index = function() return 'i' end, __newindex = function() error 'n' end,
  __len = function() return 99 end, __eq = function() return true end,
})
assert(m.x == 'i' and rawget(m, 'x') == nil)
assert(rawset(m, 'x', 5) == m and rawget(m, 'x') == 5 and m.x == 5)
assert(#m == 99 and rawlen(m) == 0 and m == setmetatable({}, getmetatable(m)) and not rawequal(m, {}))
assert(rawequal(m, m) and rawequal(1, 1.0) and rawequal('a', 'a') and not rawequal(1, '1'))
assert(not pcall(rawlen, 5) and not pcall(rawget, 'x', 1) and not pcall(rawset, {}, nil, 1) and not pcall(rawequal, 1))
assert(next(m) == 'x' and next(m, 'x') == nil)
