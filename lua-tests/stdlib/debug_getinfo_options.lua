-- debug.getinfo: every option and field, names of functions, levels, coroutines.

local function show(...) local t = table.pack(...) for i=1,t.n do t[i] = tostring(t[i]):gsub('0x%x+','0x') end print(table.concat(t, ' ')) end
local function keys(t) local k = {} for n in pairs(t) do k[#k+1] = tostring(n) end table.sort(k) return table.concat(k, ',') end
local function f(a, b) local c = 1; return debug.getinfo(1, 'nSltufrL') end
local i = f()
show(keys(i), i.name, i.namewhat, i.ftransfer, i.ntransfer, keys(i.activelines))
for _, o in ipairs {'n','S','l','t','u','f','r','L', ''} do show(o, keys(debug.getinfo(f, o))) show(o, keys(debug.getinfo(string.rep, o))) end
show(keys(debug.getinfo(f))) show(keys(debug.getinfo(1))) show(keys(debug.getinfo(string.rep)))
local c = debug.getinfo(string.rep)
for _, k in ipairs{'source','short_src','what','currentline','linedefined','lastlinedefined','nups','nparams','isvararg','name','namewhat','istailcall','func','ntransfer','ftransfer','activelines'} do show(k, c[k]) end
local m = debug.getinfo(1)
for _, k in ipairs{'source','short_src','what','currentline','linedefined','lastlinedefined','nups','nparams','isvararg','name','namewhat','istailcall','ntransfer','ftransfer'} do show(k, m[k]) end
show(debug.getinfo(0, 'n').name, debug.getinfo(0,'n').namewhat, debug.getinfo(0, 'f').func == debug.getinfo)
local function tail() return debug.getinfo(1, 'tn') end
local t = (function() return tail() end)() show(t.istailcall, t.name, t.namewhat)
local l = load('return debug.getinfo(1)', 'return debug.getinfo(1)') local i = l() show(i.source, i.short_src, i.what, i.namewhat, i.name)
local l = load('\n\nreturn 1', '=name') show(debug.getinfo(l).short_src, debug.getinfo(l).source, keys(debug.getinfo(l,'L').activelines), debug.getinfo(l).linedefined, debug.getinfo(l).lastlinedefined)
local l = load('return 1', '@' .. ('x'):rep(100)) show(debug.getinfo(l).short_src)
local l = load('return 1', '=' .. ('x'):rep(100)) show(debug.getinfo(l).short_src)
local l = load('return 1', ('x'):rep(100)) show(debug.getinfo(l).short_src)
local l = load('return 1', 'a\nb') show(debug.getinfo(l).short_src)
-- names
local function name() local i = debug.getinfo(2, 'n') return tostring(i.name) .. '/' .. i.namewhat end
local function loc() local r = name() return r end
show(loc()) 
glob = function() local r = name() return r end show(glob())
local o = {m = glob, [1] = glob} show(o.m()) show(o:m()) show(o[1]()) local k = 'm' show(o[k]()) show((o.m)())
local mt = setmetatable({}, {__index = function() local r = name() return r end, __add = function() local r = name() return r end, __call = function() local r = name() return r end, __lt = function() local r = name() print(r) return true end, __len = function() local r = name() return r end, __concat = function() local r = name() return r end, __unm = function() local r = name() return r end, __newindex = function() local r = name() print(r) end, __eq = function() local r = name() print(r) end, __close = function() local r = name() print(r) end, __le = function() local r = name() print(r) end, __tostring = function() local r = name() return r end, __band = glob})
show(mt.x, mt + 1, mt(), mt < 1, #mt, mt .. '', -mt, mt <= mt, tostring(mt), mt & 1) mt.x = 1 local _ = mt == setmetatable({}, getmetatable(mt))
do local x <close> = mt end
for x in (function() local r = name() print(r) end) do end
show(coroutine.wrap(glob)())
local up = glob show((function() local r = up() return r end)())
table.sort({1,2}, function(a, b) local r = name() print(r) return a < b end)
-- activelines of vararg
local function va(...)
  local x = ...
  return x
end
show(keys(debug.getinfo(va, 'L').activelines), keys(debug.getinfo(1, 'L').activelines) ~= '')
local co = coroutine.create(function(a) local b = 2; coroutine.yield(b); return 5 end) 
show(debug.getinfo(co, 0), debug.getinfo(co, 1)) show(debug.getinfo(co, glob, 'S').what)
coroutine.resume(co, 1) show(debug.getinfo(co, 0, 'Sn').what, debug.getinfo(co, 1, 'l').currentline, debug.getinfo(co, 2), debug.getinfo(co,0,'n').name, debug.getinfo(co,1,'n').name)
show(debug.getlocal(co, 1, 1)) show(debug.getlocal(co, 1, 2)) show(debug.getlocal(co, 1, 3))
show(debug.setlocal(co, 1, 1, 'new'), debug.getlocal(co, 1, 1)) show(debug.setlocal(co, 1, 100, 1))
coroutine.resume(co) show(debug.getinfo(co, 0), debug.getinfo(co,1), coroutine.status(co))
show(select('#', debug.getinfo(100)))
