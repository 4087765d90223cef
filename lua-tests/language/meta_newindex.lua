-- __newindex: tables, functions, raw keys, chains.

-- function: called only for keys that are absent
local log = {}
local t = setmetatable({ present = 1 }, { __newindex = function(self, k, v)
  log[#log + 1] = tostring(k) .. '=' .. tostring(v)
  rawset(self, k, v)
end })
t.present = 2
t.new = 3
t.new = 4
t[1] = 'one'
t.new = nil
t.new = 5
assert(table.concat(log, ' ') == 'new=3 1=one new=5', table.concat(log, ' '))
assert(t.present == 2 and t.new == 5)

-- table: the assignment goes there
local store = {}
local p = setmetatable({}, { __newindex = store })
p.x = 1
assert(rawget(p, 'x') == nil and store.x == 1)
p.x = 2
assert(store.x == 2)

-- chain
local last = {}
local mid = setmetatable({}, { __newindex = last })
local first = setmetatable({}, { __newindex = mid })
first.k = 'v'
assert(last.k == 'v' and rawget(mid, 'k') == nil and rawget(first, 'k') == nil)
mid.k2 = 1; rawset(mid, 'k3', 0)
first.k3 = 'in mid'
assert(mid.k3 == 'in mid' and last.k3 == nil and last.k2 == 1)

-- proxy with both
local function proxy(target, trace)
  return setmetatable({}, {
    __index = function(_, k) trace[#trace + 1] = 'r' .. k; return target[k] end,
    __newindex = function(_, k, v) trace[#trace + 1] = 'w' .. k; target[k] = v end,
  })
end
local trace, target = {}, {}
local px = proxy(target, trace)
px.a = 1
px.a = px.a + 1
assert(target.a == 2 and table.concat(trace) == 'wararwa' or table.concat(trace) == 'warawa')

-- nil as a key reaches the function
local nk
local n = setmetatable({}, { __newindex = function(_, k, v) nk = { k, v } end })
n[nil] = 'x'
assert(nk[1] == nil and nk[2] == 'x')
n[0 / 0] = 'y'
assert(nk[2] == 'y')

-- globals
local env = setmetatable({}, { __index = _G, __newindex = function(_, k) error('global ' .. k, 0) end })
local f = load('local x = 1; y = x', '=env', 't', env)
local ok, e = pcall(f)
assert(not ok and e == 'global y')

-- read only tables
local function readonly(tab)
  return setmetatable({}, { __index = tab, __newindex = function(_, k) error('read only: ' .. k, 2) end,
    __len = function() return #tab end })
end
local days = readonly { 'mo', 'tu' }
assert(days[1] == 'mo' and #days == 2)
ok, e = pcall(function() days[3] = 'we' end)
assert(not ok and e:find ':%d+: read only: 3$')

-- multiple assignment
local seq = {}
local m = setmetatable({}, { __newindex = function(_, k) seq[#seq + 1] = k end })
m.a, m.b, m.c = 1, 2, 3
assert(#seq == 3)

-- a loop is an error
local a, b = {}, {}
setmetatable(a, { __newindex = b }); setmetatable(b, { __newindex = a })
ok, e = pcall(function() a.x = 1 end)
assert(not ok and e:find("'__newindex' chain too long; possible loop", 1, true), e)
ok, e = pcall(function() local c = setmetatable({}, { __newindex = 7 }); c.x = 1 end)
assert(not ok and e:find('attempt to index a number value', 1, true))
