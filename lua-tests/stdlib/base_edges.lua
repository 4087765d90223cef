-- Basic functions: arguments, defaults and results of each.

local function list(...) local t = table.pack(...) for i = 1, t.n do t[i] = tostring(t[i]) end return table.concat(t, ',') end

-- assert returns its arguments
assert(list(assert(1, 2, nil)) == '1,2,nil' and list(assert('x')) == 'x' and list(assert({}, 'm')):find ',m$')
local ok, e = pcall(assert, false)
assert(e == 'assertion failed!')
ok, e = pcall(assert, nil, { 1 })
assert(e[1] == 1)

-- collectgarbage: results of every option
assert(collectgarbage() == 0 and collectgarbage 'collect' == 0 and collectgarbage(nil) == 0)
assert(collectgarbage 'count' > 1 and collectgarbage 'count' < 1e6 and select('#', collectgarbage 'count') == 1)
assert(type(collectgarbage('step')) == 'boolean' and type(collectgarbage('step', 10)) == 'boolean')
assert(collectgarbage 'stop' == 0 and collectgarbage 'isrunning' == false and collectgarbage 'restart' == 0 and collectgarbage 'isrunning' == true)
local pause = collectgarbage('setpause', 160)
assert(math.type(pause) == 'integer' and collectgarbage('setpause', pause) == 160)
assert(math.type(collectgarbage('setstepmul', 200)) == 'integer')
local mode = collectgarbage('incremental', 0, 0, 0)
assert(mode == 'incremental' or mode == 'generational')
assert(collectgarbage('generational', 0, 0) == 'incremental' and collectgarbage 'generational' == 'generational' and collectgarbage 'incremental' == 'generational')
collectgarbage(mode)

-- getmetatable and setmetatable
local mt = {}
local t = setmetatable({}, mt)
assert(getmetatable(t) == mt and setmetatable(t, mt) == t and setmetatable(t, nil) == t and getmetatable(t) == nil)
mt.__metatable = false
setmetatable(t, mt)
assert(getmetatable(t) == false and not pcall(setmetatable, t, nil))
assert(getmetatable(1) == nil and getmetatable(nil) == nil and getmetatable(print) == nil and getmetatable 'x'.__index == string and select('#', getmetatable(1)) == 1)
assert(getmetatable(setmetatable({}, { __metatable = 'name' })) == 'name')

-- ipairs: stops at the first nil, follows __index, three results
local f, s, c = ipairs { 1 }
assert(type(f) == 'function' and c == 0 and list(f(s, 0)) == '1,1' and list(f(s, 1)) == 'nil')
local got = {}
for i, v in ipairs { 'a', 'b', nil, 'd' } do got[#got + 1] = i .. v end
assert(table.concat(got, ',') == '1a,2b')
got = {}
for i, v in ipairs(setmetatable({}, { __index = function(_, k) if k < 4 then return k * k end end })) do got[#got + 1] = i .. ':' .. v end
assert(table.concat(got, ',') == '1:1,2:4,3:9')
for _ in ipairs {} do error 'none' end
for _ in ipairs 'abc' do error 'none' end

-- load: text, functions, names, modes, environments
assert(load 'return 1, 2' and select(2, load 'return 1, 2'()) == 2 and load ''() == nil and select('#', load '--'()) == 0)
local parts, n = { 'ret', 'urn ', '', 'never' }, 0
assert(load(function() n = n + 1 return parts[n] end)() == nil and n == 3)
assert(load(function() return nil end)() == nil and load 'return ...'(7) == 7)
f, e = load('return -', '=chunk')
assert(f == nil and e == 'chunk:1: unexpected symbol near <eof>')
f, e = load('error "here"', '@file.lua')
ok, e = pcall(f)
assert(e == 'file.lua:1: here')
f, e = load('error "here"', 'error "here"')
ok, e = pcall(f)
assert(e == '[string "error "here""]:1: here')
f = load(function() return nil end, nil, nil, nil)
assert(debug.getinfo(f, 'S').source == '=(load)' and debug.getinfo(load 'return 5', 'S').source == 'return 5')
local env = { y = 5 }
assert(load('x = y return x', 'n', 't', env)() == 5 and env.x == 5 and x == nil and load('return y', 'n', 'bt', env)() == 5)
assert(pcall(load('return y', 'n', 't', nil)) == false)
assert(load(string.dump(load 'return 9'), 'n', 'b')() == 9 and load(string.dump(load 'return 9'), 'n')() == 9)
f, e = load('\27 not a chunk', 'n', 't')
assert(f == nil and e == "attempt to load a binary chunk (mode is 't')")
ok, f, e = pcall(load, function() error { code = 1 } end)
assert(ok and f == nil and e.code == 1)

-- dofile and loadfile with a name; what they return
local name = os.tmpname()
local function file(text) local h = assert(io.open(name, 'w')) h:write(text) h:close() end
file 'local a, b = ... return b, a, x'
assert(list(dofile(name)) == 'nil,nil,nil' and list(assert(loadfile(name))(1, 2)) == '2,1,nil' and list(loadfile(name, 'bt', { x = 'env' })(1)) == 'nil,1,env')
file ''
assert(select('#', dofile(name)) == 0)
file 'return'
assert(select('#', loadfile(name)()) == 0)
os.remove(name)
f, e = loadfile(name)
assert(f == nil and e == 'cannot open ' .. name .. ': No such file or directory')

-- next: order is left open, but complete; assignments to fields that exist are allowed
t = { 1, 2, x = 3, y = 4 }
n = 0
for k, v in next, t do
  n = n + v
  t[k] = nil
end
assert(n == 10 and next(t) == nil and list(next {}) == 'nil' and list(next({ 5 })) == '1,5' and list(next({ 5 }, 1)) == 'nil' and list(next({ a = 1 }, nil)) == 'a,1')

-- pairs: three results, __pairs may give its own
f, s, c = pairs(t)
assert(f == next and s == t and c == nil and select('#', pairs(t)) == 3)
f, s, c = pairs(setmetatable({}, { __pairs = function(o) return 1, 2, 3, 4 end }))
assert(f == 1 and s == 2 and c == 3 and select('#', pairs(setmetatable({}, { __pairs = function() return 1 end }))) == 3)

-- pcall and xpcall
assert(list(pcall(function(...) return ... end, 1, nil, 3)) == 'true,1,nil,3' and list(pcall(error, 'm', 0)) == 'false,m' and list(pcall(function() end)) == 'true')
assert(list(pcall(pcall, error, 'e', 0)) == 'true,false,e' and list(pcall(select, 2, 'a', 'b')) == 'true,b')
assert(list(xpcall(function(...) return ... end, print, 1, 2)) == 'true,1,2' and list(xpcall(error, function(m) return m, 'lost' end, 'm', 0)) == 'false,m' and list(xpcall(error, function() end)) == 'false,nil')
assert(list(xpcall(error, tostring, nil)) == 'false,nil' and list(xpcall(error, type, {})) == 'false,table')

-- rawequal, rawlen, rawget, rawset pass over metamethods
local strict = { __index = error, __newindex = error, __len = error, __eq = function() return true end }
local a, b = setmetatable({ 1, 2 }, strict), setmetatable({}, strict)
assert(a == b and not rawequal(a, b) and rawequal(a, a) and rawequal(1, 1.0) and not rawequal(1, '1') and rawequal('a' .. 1, 'a1') and rawequal(nil, nil) and not rawequal(0/0, 0/0))
assert(rawlen(a) == 2 and rawlen 'abc' == 3 and rawget(a, 3) == nil and rawset(a, 3, 'x') == a and rawget(a, 3) == 'x' and rawget(a, 1, 'ignored') == 1 and rawset(a, 3, nil) == a and a[3 - 1] == 2)

-- select
assert(list(select(1, 'a', 'b')) == 'a,b' and list(select(2, 'a', 'b')) == 'b' and list(select(3, 'a', 'b')) == '' and list(select(-1, 'a', 'b')) == 'b' and list(select(-2, 'a', 'b')) == 'a,b')
assert(select('#') == 0 and select('#', nil, nil) == 2 and list(select('2', 'a', 'b')) == 'b' and list(select(2.0, 'a', 'b')) == 'b' and list(select(100)) == '')

-- tonumber
local function num(want, ...) local r = tonumber(...) assert(r == want and math.type(r) == math.type(want), tostring(r)) end
num(10, '10') num(10, ' 10 ') num(10.0, '10.0') num(16, '0x10') num(nil, '10x') num(nil, '') num(nil, ' ') num(255, 'ff', 16) num(255, 'FF', 16) num(-255, '-ff', 16) num(nil, 'fg', 16) num(35, 'z', 36)
num(5, '101', 2) num(nil, '102', 2) num(nil, '', 10) num(nil, '1.5', 10) num(7, ' 7 ', 10) num(nil, '7 7', 10) num(nil, '0x10', 16) num(5, 5) num(5.5, 5.5) num(nil, nil) num(nil, {}) num(nil, true) num(nil, print)
num(1e10, '1e10') num(0.5, '.5') num(5.0, '5.') num(0.1, '1e-1') num(nil, '1e') num(1.5, '0x1.8') num(3.0, '0x1.8p1') num(nil, 'inf') num(nil, 'nan') num(2.0^63, '9223372036854775808') num(math.mininteger, '-9223372036854775808') num(-1, '0xffffffffffffffff')
num(0, '0') num(-0.0, '-0.0') num(-5, '-5') num(nil, '- 5') num(nil, '--5') num(5, '+5') num(nil, '1 2') num(nil, '1\0') num(12, '12', 10) num(math.maxinteger, '7fffffffffffffff7fffffffffffffff', 16) num(10, '\t10\n')

-- tostring
assert(tostring(1) == '1' and tostring(1.0) == '1.0' and tostring(-0.0) == '-0.0' and tostring(1e15) == '1e+15' and tostring(2^53) == '9.007199254741e+15' and tostring(0.1) == '0.1' and tostring(1e100) == '1e+100')
assert(tostring(nil) == 'nil' and tostring(true) == 'true' and tostring(1/0) == 'inf' and tostring(-1/0) == '-inf' and tostring(0/0):match '^%-?nan$' and tostring 'x' == 'x' and tostring(math.mininteger) == '-9223372036854775808')
assert(tostring({}):match '^table: 0x%x+$' and tostring(type):match '^function: ' and tostring(coroutine.create(type)):match '^thread: 0x%x+$' and tostring(io.stdout):match '^file %(0x%x+%)$')
assert(tostring(setmetatable({}, { __name = 'N' })):match '^N: 0x%x+$' and tostring(setmetatable({}, { __name = 5 })):match '^table: ' and tostring(setmetatable({}, { __tostring = function() return 'T' end, __name = 'N' })) == 'T')
assert(tostring(setmetatable({}, { __tostring = function(o) return type(o) end })) == 'table' and tostring(1, 2) == '1' and tostring(3.14159265358979) == '3.1415926535898')

-- type gives one of eight names; _G and _VERSION
assert(type(1) == 'number' and type '' == 'string' and type(nil) == 'nil' and type(true) == 'boolean' and type {} == 'table' and type(type) == 'function' and type(coroutine.running()) == 'thread' and type(io.stdin) == 'userdata')
assert(_G._G == _G and _VERSION == 'Lua 5.4' and _ENV == _G)
_G.made_by_hand = 1
assert(made_by_hand == 1)
made_by_hand = nil
assert(rawget(_G, 'made_by_hand') == nil)
