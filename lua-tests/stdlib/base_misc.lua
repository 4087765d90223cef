-- test: args=first 2 --flag
-- Base library: type, select, print, arguments of the script, collectgarbage.

assert(arg[1] == 'first' and arg[2] == '2' and arg[3] == '--flag' and arg[4] == nil and type(arg[0]) == 'string')
local a, b, c = ...
assert(a == 'first' and b == '2' and c == '--flag' and select('#', ...) == 3)

for v, name in pairs { [1] = 'number', s = 'string', [true] = 'boolean', [print] = 'function', [{}] = 'table' } do
  assert(type(v) == name or v == 's')
end
assert(type(nil) == 'nil' and type(1.5) == 'number' and type(coroutine.create(print)) == 'thread' and type(io.stdout) == 'userdata')
local ok, e = pcall(type)
assert(not ok and e:find('value expected', 1, true))
assert(_VERSION == 'Lua 5.4' and type(_G) == 'table')

-- print: tabs between, newline after
print()
print(nil)
print(1, 'two', 3.0, true, nil)
print('a\0b' == 'a\0b', 'é', '')
print(-0.0, 1e15, 2 ^ 63, math.mininteger, 10 // 3, 7 / 2)

-- collectgarbage
collectgarbage()
assert(collectgarbage 'collect' == 0 and collectgarbage 'count' > 0 and math.type(collectgarbage 'count') == 'float')
assert(collectgarbage 'isrunning' == true and collectgarbage 'stop' == 0 and collectgarbage 'isrunning' == false)
assert(collectgarbage 'restart' == 0 and collectgarbage 'isrunning' == true)
local mode = collectgarbage 'generational'
assert(mode == 'incremental' or mode == 'generational')
assert(collectgarbage 'incremental' == 'generational' and collectgarbage 'incremental' == 'incremental')
assert(type(collectgarbage 'step') == 'boolean')
ok, e = pcall(collectgarbage, 'nosuch')
assert(not ok and e:find("invalid option 'nosuch'", 1, true))

-- warn writes nothing while it is off
warn '@off'
warn('nobody ', 'reads this')
assert(not pcall(warn) and not pcall(warn, {}))

-- table access functions and rawequal with few arguments
assert(not pcall(rawget, {}) and not pcall(rawset, {}, 1) and not pcall(rawequal, 1) and not pcall(getmetatable))

-- the libraries have what the manual lists
local has = {
  string = 'byte char dump find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper',
  table = 'concat insert move pack remove sort unpack',
  math = 'abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi rad random randomseed sin sqrt tan tointeger type ult',
  utf8 = 'char charpattern codepoint codes len offset',
  coroutine = 'close create isyieldable resume running status wrap yield',
  os = 'clock date difftime execute exit getenv remove rename setlocale time tmpname',
  io = 'close flush input lines open output popen read stderr stdin stdout tmpfile type write',
  debug = 'getinfo getlocal getmetatable getregistry getupvalue setlocal setmetatable setupvalue traceback upvalueid upvaluejoin',
  _G = 'assert collectgarbage dofile error getmetatable ipairs load loadfile next pairs pcall print rawequal rawget rawlen rawset require select setmetatable tonumber tostring type warn xpcall',
}
for lib, names in pairs(has) do
  for n in names:gmatch '%w+' do assert(_G[lib][n] ~= nil, lib .. '.' .. n) end
end
