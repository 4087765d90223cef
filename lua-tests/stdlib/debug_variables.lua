-- debug: local variables, upvalues, metatables, user values, the registry, at every edge of their indices.

local lines = {}
local function show(...)
  local t = table.pack(...)
  for i = 1, t.n do t[i] = tostring(t[i]) end
  lines[#lines + 1] = table.concat(t, ' ')
end
local function shown(want)
  local got = table.concat(lines, '|')
  assert(got == want, got)
  lines = {}
end
local function locals(level)
  local n = 1
  while true do
    local name, v = debug.getlocal(level + 1, n)
    if not name then break end
    show(name, type(v) == 'table' and '{}' or type(v) == 'function' and 'f' or v)
    n = n + 1
  end
end

-- getlocal: parameters, locals in scope, the loop's own state, temporaries
local function f(a, b, ...)
  local c = 3
  do local d = 4 end
  for i = 1, 1 do
    local e = 5
    locals(1)
  end
  shown 'a 1|b 2|c 3|(for state) 1|(for state) 0|(for state) 1|i 1|e 5'
  for k, v in next, { 'x' } do locals(1) end
  shown 'a 1|b 2|c 3|(for state) f|(for state) {}|(for state) 1|(for state) nil|k 1|v x'
  -- extra arguments count from -1
  show(debug.getlocal(1, -1)) show(debug.getlocal(1, -2)) show(debug.getlocal(1, -3)) show(debug.getlocal(1, 0)) show(debug.getlocal(1, 100))
  shown '(vararg) x|(vararg) y|nil|nil|nil'
  -- setlocal returns the name
  show(debug.setlocal(1, 1, 'A')) show(a) show(debug.setlocal(1, -1, 'V')) show(...)
  show(debug.setlocal(1, -5, 'V')) show(debug.setlocal(1, 0, 1)) show(debug.setlocal(1, 100, 1))
  shown 'a|A|(vararg)|V y|nil|nil|nil'
  return c
end
f(1, 2, 'x', 'y')

-- of a function that is not running: its parameters' names
show(debug.getlocal(f, 1)) show(debug.getlocal(f, 2)) show(debug.getlocal(f, 3)) show(debug.getlocal(f, 0)) show(debug.getlocal(f, -1))
show(debug.getlocal(string.rep, 1))
shown 'a|b|nil|nil|nil|nil'

-- level 0 is getlocal itself: a library function has no names
show(debug.getlocal(0, 1)) show(debug.getlocal(0, 2)) show(debug.getlocal(0, 3))
shown '(C temporary) 0|(C temporary) 2|nil'

-- attributes: constants known to the compiler are no variables
local function attributes()
  local x <close> = nil
  local y <const> = 5
  local z <const> = true or x
  local w <const> = f
  locals(1)
end
attributes()
shown 'x nil|z true|w f'

-- getupvalue and setupvalue
local a, b = 1, 2
local function g() return a, b end
local function h() return b end
local function k() return g, type end
show(debug.getupvalue(g, 1)) show(debug.getupvalue(g, 2)) show(debug.getupvalue(g, 3)) show(debug.getupvalue(g, 0)) show(debug.getupvalue(g, -1))
show((debug.getupvalue(k, 1))) show((debug.getupvalue(k, 2)))
shown 'a 1|b 2||||g|_ENV'
assert(select('#', debug.getupvalue(g, 3)) == 0 and select('#', debug.getupvalue(string.rep, 1)) == 0)
local chunk = load 'return x'
local name, value = debug.getupvalue(chunk, 1)
assert(name == '_ENV' and value == _G and debug.getupvalue(chunk, 2) == nil)
assert(debug.setupvalue(chunk, 1, { x = 'other' }) == '_ENV' and chunk() == 'other')
show(debug.setupvalue(g, 1, 'A')) show(a) show(debug.setupvalue(g, 3, 'A')) show(debug.setupvalue(g, 0, 1)) show(debug.setupvalue(string.rep, 1, 1))
shown 'a|A|||'
assert(select('#', debug.setupvalue(g, 3, 1)) == 0)

-- upvalueid and upvaluejoin
assert(debug.upvalueid(g, 2) == debug.upvalueid(h, 1) and debug.upvalueid(g, 1) ~= debug.upvalueid(g, 2))
show(debug.upvalueid(g, 3)) show(debug.upvalueid(g, 0)) show(debug.upvalueid(string.rep, 1))
shown 'nil|nil|nil'
assert(select('#', debug.upvaluejoin(g, 1, h, 1)) == 0 and debug.upvalueid(g, 1) == debug.upvalueid(h, 1))
b = 'joined'
show(g())
shown 'joined joined'
assert(type(debug.upvalueid(g, 1)) == 'userdata')
local counters = {}
for i = 1, 2 do
  local n = 0
  counters[i] = function() n = n + 1 return n end
end
counters[1]()
debug.upvaluejoin(counters[2], 1, counters[1], 1)
assert(counters[2]() == 2 and counters[1]() == 3)

-- stripped functions have no names of variables and no lines
local stripped = load(string.dump(function(p, q) local r = p return debug.getinfo(1), debug.getlocal(1, 1) end, true))
debug.setupvalue(stripped, 1, _ENV)
local i, n, v = stripped(7)
show(i.source, i.short_src, i.currentline, n, v, i.nparams) show(debug.getlocal(stripped, 1)) show(next(debug.getinfo(stripped, 'L').activelines))
shown '=? ? -1 (temporary) 7 2|nil|nil'

local nameless = load(string.dump(function() return a, b end, true))
assert(debug.getupvalue(nameless, 1) == '(no name)' and debug.setupvalue(nameless, 1, 'set') and nameless() == 'set')
local ok, e = pcall(load(string.dump(function(t) return t.x.y end, true)), {})
assert(not ok and e == "?:-1: attempt to index a nil value (field 'x')", e)

-- locals of another coroutine
local co = coroutine.create(function(p, ...)
  local q = 'q'
  coroutine.yield(p)
  return p, q, ...
end)
coroutine.resume(co, 'p', 'more')
show(debug.getlocal(co, 1, 1)) show(debug.getlocal(co, 1, 2)) show(debug.getlocal(co, 1, -1)) show(debug.getlocal(co, 1, 50)) show(debug.getlocal(co, 0, 1))
shown 'p p|q q|(vararg) more|nil|nil'
show(debug.setlocal(co, 1, 1, 'P')) show(debug.setlocal(co, 1, 2, 'Q')) show(debug.setlocal(co, 1, -1, 'MORE')) show(debug.setlocal(co, 1, 50, 1))
show(coroutine.resume(co))
shown 'p|q|(vararg)|nil|true P Q MORE'

-- metatables: of any value, past __metatable
local mt = { __metatable = 'hidden' }
local t = setmetatable({}, mt)
assert(debug.getmetatable(t) == mt and getmetatable(t) == 'hidden' and debug.setmetatable(t, nil) == t and getmetatable(t) == nil)
assert(debug.getmetatable(1) == nil and debug.getmetatable(nil) == nil and debug.getmetatable '' == getmetatable '')
assert(debug.getmetatable(io.stdout).__name == 'FILE*' and debug.setmetatable(nil, nil) == nil)
assert(debug.setmetatable(1, { __index = math }) == 1 and (2.5).pi == math.pi and debug.setmetatable(1, nil) == 1)
assert(debug.setmetatable(type, { __index = { x = 'of functions' } }) == type and f.x == 'of functions')
debug.setmetatable(type, nil)
assert(debug.setmetatable(true, { __tostring = function(x) return x and 'yes' or 'no' end }) == true and tostring(false) == 'no')
debug.setmetatable(true, nil)
local thread = coroutine.create(f)
debug.setmetatable(thread, { __call = function(_, x) return x * 2 end })
assert(thread(21) == 42 and coroutine.running()(4) == 8)
debug.setmetatable(thread, nil)
debug.setmetatable(nil, { __add = function() return 'sum' end })
assert(nil + 1 == 'sum')
debug.setmetatable(nil, nil)

-- user values: only userdata can have them
assert(select('#', debug.getuservalue(io.stdout)) == 1 and select('#', debug.getuservalue(io.stdout, 1)) == 1 and debug.getuservalue(io.stdout) == nil)
assert(debug.setuservalue(io.stdout, 1) == nil and debug.setuservalue(io.stdout, 1, 1) == nil and debug.setuservalue(io.stdout, nil, 0) == nil)
assert(debug.getuservalue(5) == nil and debug.getuservalue({}, 1) == nil and debug.getuservalue(io.stdout, 0) == nil)
assert(debug.getuservalue(io.stdout, 100) == nil and debug.setuservalue(io.stdout, 'x', 100) == nil)
assert(not pcall(debug.setuservalue, {}, 1) and not pcall(debug.setuservalue, io.stdout))

-- the registry is one table
assert(type(debug.getregistry()) == 'table' and debug.getregistry() == debug.getregistry())
assert(debug.getregistry()['FILE*'] == getmetatable(io.stdout))

-- traceback of coroutines: message, level; anything but a string or nil comes back
local sleeping = coroutine.create(function() coroutine.yield() end)
assert(debug.traceback(sleeping) == 'stack traceback:' and debug.traceback(sleeping, 'm') == 'm\nstack traceback:')
assert(debug.traceback(sleeping, nil) == 'stack traceback:' and debug.traceback(sleeping, t) == t and debug.traceback(sleeping, 5) == '5\nstack traceback:')
coroutine.resume(sleeping)
local full = debug.traceback(sleeping, 'full')
assert(full:find "^full\nstack traceback:\n\t%[C%]: in function 'coroutine%.yield'\n\t[^\n]*debug_variables.lua:%d+: in function <[^\n]*debug_variables.lua:%d+>$", full)
assert(debug.traceback(sleeping, 'full', 0) == full and debug.traceback(sleeping, 'full', 2) == 'full\nstack traceback:')
assert(#debug.traceback(sleeping, 'full', 1) < #full and debug.traceback(sleeping, 'full', 99) == 'full\nstack traceback:')

-- deprecated, without effect
assert(debug.setcstacklimit(300) == debug.setcstacklimit(200))
