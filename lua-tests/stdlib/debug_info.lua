-- debug.getinfo, getlocal, getupvalue, setupvalue and the like.

local function f(a, b, ...)
  local c = a
  local i = debug.getinfo(1, 'nSltufL')
  return i, c
end
local i = f(1, 2)
assert(i.what == 'Lua' and i.linedefined == 3 and i.lastlinedefined == 7 and i.currentline == 5)
assert(i.short_src:match 'debug_info.lua$' and i.source:sub(1, 1) == '@' and i.func == f and i.name == 'f' and i.namewhat == 'local')
assert(i.nparams == 2 and i.isvararg == true and i.nups == 1 and i.istailcall == false)
assert(i.activelines[4] and i.activelines[5] and i.activelines[6] and not i.activelines[3])
local c = debug.getinfo(print)
assert(c.what == 'C' and c.short_src == '[C]' and c.source == '=[C]' and c.currentline == -1 and c.linedefined == -1)
local main = debug.getinfo(1, 'S')
assert(main.what == 'main' and debug.getinfo(100) == nil and not pcall(debug.getinfo, 1, '?'))
assert(debug.getinfo(1, 'l').currentline == 17)

-- names
local t = {}
function t.field() return debug.getinfo(1, 'n').name, debug.getinfo(1, 'n').namewhat end
local n, w = t.field()
assert(n == 'field' and (w == 'field' or w == 'method'))
function t:meth() return (debug.getinfo(1, 'n').namewhat) end
assert(t:meth() == 'method')

-- locals
local function locals(p, q, ...)
  local r = 'r'
  local names = {}
  for k = 1, 10 do
    local name, v = debug.getlocal(1, k)
    if not name then break end
    if name:sub(1, 1) ~= '(' then names[#names + 1] = name .. '=' .. tostring(v) end
  end
  local vname, v1 = debug.getlocal(1, -1)
  local _ = debug.setlocal(1, 3, 'changed')
  return table.concat(names, ' '), vname, v1, r
end
local s, vn, v1, r = locals('P', 'Q', 'V')
assert(s:match '^p=P q=Q r=r names=table' and vn == '(vararg)' and v1 == 'V' and r == 'changed', s)
assert(debug.getlocal(locals, 1) == 'p' and debug.getlocal(locals, 3) == nil and not pcall(debug.getlocal, 100, 1))

-- upvalues
local u1, u2 = 'one', 'two'
local function g() return u1, u2 end
local function h() return u2 end
assert(debug.getupvalue(g, 1) == 'u1' and select(2, debug.getupvalue(g, 2)) == 'two' and debug.getupvalue(g, 3) == nil)
assert(debug.setupvalue(g, 1, 'uno') == 'u1' and u1 == 'uno' and debug.setupvalue(g, 9, 0) == nil)
assert(debug.upvalueid(g, 2) == debug.upvalueid(h, 1) and debug.upvalueid(g, 1) ~= debug.upvalueid(g, 2))
local function k1() return u1 end
debug.upvaluejoin(h, 1, k1, 1)
assert(h() == 'uno')

-- metatables of any value
debug.setmetatable(10, { __index = { double = function(x) return x * 2 end }, __call = function(x, y) return x + y end })
assert((5):double() == 10 and (5)(6) == 11)
debug.setmetatable(10, nil)
debug.setmetatable(nil, { __index = function() return 'nil indexed' end })
assert((nil).x == 'nil indexed' and undefinedglobal.y == 'nil indexed')
debug.setmetatable(nil, nil)
assert(not pcall(function() return (nil).x end) and debug.getmetatable('').__index == string)
assert(debug.setmetatable(t, { __metatable = 'p' }) == t and getmetatable(t) == 'p' and debug.getmetatable(t).__metatable == 'p')
