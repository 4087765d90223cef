-- load: text, reader functions, chunk names, modes, environments, binary chunks.

assert(load 'return 1 + 1' () == 2 and load '' () == nil and select('#', load '' ()) == 0)
assert(load 'return ...' (7, 8) == 7 and select('#', load 'return ...' (1, nil)) == 2)

-- a function as source: pieces until nil or the empty string
local function reader(...)
  local parts, i = { ... }, 0
  return function() i = i + 1; return parts[i] end
end
assert(load(reader('ret', 'urn ', '4', '2'))() == 42)
assert(load(reader('return 1', '', 'garbage ('))() == 1)
assert(load(reader())() == nil)
local f, e = load(function() return {} end)
assert(f == nil and e:find('reader function must return a string', 1, true))
f, e = load(function() error('reader failed', 0) end)
assert(f == nil and e:find('reader failed', 1, true))

-- chunk names in messages
local function name(code, chunk) local _, m = load(code, chunk); return m end
assert(name('x =', '=here'):match '^here:1:' and name('x =', '@file.lua'):match '^file.lua:1:')
assert(name('x =', 'x ='):match '^%[string "x ="%]:1:' and name('x =\n=', 'x =\n='):match '^%[string "x =%.%.%."%]:2:')
assert(name 'x = = 1':match '^%[string "x = = 1"%]:1:')
assert(name('x =', '=' .. ('n'):rep(100)):match '^n+:1:' and #name('x =', '=' .. ('n'):rep(100)) < 100)
assert(name('x =', '@' .. ('p'):rep(100)):match '^%.%.%.p+:1:')
local ok, m = pcall(load('\n\nerror "at three"', '=c'))
assert(not ok and m == 'c:3: at three')

-- the first line may be a comment for the shell only in files
assert(not load '#!shebang\nreturn 1')

-- mode
f, e = load('return 1', 'c', 'b')
assert(f == nil and e == "attempt to load a text chunk (mode is 'b')")
local bin = string.dump(load 'return 5')
f, e = load(bin, 'c', 't')
assert(f == nil and e == "attempt to load a binary chunk (mode is 't')")
assert(load(bin, 'c', 'b')() == 5 and load(bin, 'c', 'bt')() == 5 and load(bin)() == 5)

-- environment: the first upvalue
local env = { y = 3 }
f = load('x = y; return x', 'c', 't', env)
assert(f() == 3 and env.x == 3 and x == nil)
f = load('return y', 'c', 't', nil)
assert(not pcall(f))                             -- _ENV is nil
assert(load('return _ENV', 'c', 't', env)() == env and load 'return _ENV' () == _G)

-- string.dump keeps code, not the values of upvalues
local up = 10
local function counter(d) up = up + d; return up end
local copy = load(string.dump(counter))
assert(counter(1) == 11 and not pcall(copy, 1))
local function pure(a, ...) local t = { a, ... }; return #t, t[#t] end
local n, last = load(string.dump(pure))(1, 2, 3)
assert(n == 3 and last == 3)
local nested = load(string.dump(function() local k = 0; return function() k = k + 1; return k end end))()
assert(nested() == 1 and nested() == 2)
local stripped = load(string.dump(function(a) return a + 1 end, true))
assert(stripped(2) == 3)
ok, m = pcall(load(string.dump(function() local q; return q.x end, true)))
assert(not ok and m:find('attempt to index a nil value', 1, true))
assert(not pcall(string.dump, print) and not pcall(string.dump))

-- every chunk is its own function with its own locals
local a, b = load 'local v = 0; return function() v = v + 1; return v end', nil
local c1, c2 = a(), a()
assert(c1() == 1 and c1() == 2 and c2() == 1 and b == nil)
-- loads inside loads
assert(load "return load 'return load [[return 9]] ()' ()" () == 9)
-- arguments are looked at in the reference's order: the mode before the name
local function fails(text, ...)
  local ok, message = pcall(load, ...)
  assert(not ok and message:find(text, 1, true), message)
end
fails("bad argument #3 to 'load' (string expected, got table)", 'return 1', {}, {})
fails("bad argument #2 to 'load' (string expected, got table)", 'return 1', {})
fails("bad argument #3 to 'load' (string expected, got table)", print, {}, {})
