-- dofile and loadfile.

local name = os.tmpname()
local function file(text) local f = assert(io.open(name, 'w')); f:write(text); f:close() end

file 'return 1, ...'
local a, b = dofile(name)
assert(a == 1 and b == nil)
a, b = loadfile(name)('arg')
assert(a == 1 and b == 'arg')

-- the first line is skipped when it starts with #, lines are still counted
file '#!/usr/bin/env lua\nreturn debug.getinfo(1, "l").currentline'
assert(dofile(name) == 2)
file '# only a comment'
assert(select('#', dofile(name)) == 0)
file '\xEF\xBB\xBFreturn "bom"'
assert(dofile(name) == 'bom')

-- errors carry the name of the file
file 'x = = 1'
local f, e = loadfile(name)
assert(f == nil and e:find(":1: unexpected symbol near '='", 1, true))
local ok, m = pcall(dofile, name)
assert(not ok and m == e)
file '\nerror "run time"'
ok, m = pcall(dofile, name)
assert(not ok and m:match ':2: run time$')
file 'error({ code = 5 })'
ok, m = pcall(dofile, name)
assert(not ok and m.code == 5)

-- a missing file
f, e = loadfile '/nonexistent-directory/x.lua'
assert(f == nil and e == 'cannot open /nonexistent-directory/x.lua: No such file or directory')
ok, m = pcall(dofile, '/nonexistent-directory/x.lua')
assert(not ok and m == e)

-- mode and environment
file 'v = 1; return w'
local env = { w = 'W' }
assert(loadfile(name, 't', env)() == 'W' and env.v == 1 and v == nil)
f, e = loadfile(name, 'b')
assert(f == nil and e:find("attempt to load a text chunk (mode is 'b')", 1, true))

-- a binary chunk
local out = assert(io.open(name, 'wb'))
out:write(string.dump(function(...) return select('#', ...), ... end))
out:close()
local n, x = loadfile(name, 'b')('p', 'q')
assert(n == 2 and x == 'p')

-- dofile can be yielded through
file 'return coroutine.yield("from file") + 1'
local co = coroutine.wrap(function() return dofile(name) end)
assert(co() == 'from file' and co(5) == 6)
assert(os.remove(name))

-- a folder can be opened, but not read
f, e = loadfile '/tmp'
assert(f == nil and e == 'cannot read /tmp: Is a directory')
f, e = pcall(dofile, '/tmp')
assert(f == false and e == 'cannot read /tmp: Is a directory')
f, e = loadfile '/nowhere/x.lua'
assert(f == nil and e == 'cannot open /nowhere/x.lua: No such file or directory')
local path = package.path
package.path = '/?'
f, e = pcall(require, 'tmp')
package.path = path
assert(f == false and e:find("error loading module 'tmp' from file '/tmp':\n\tcannot read /tmp: Is a directory", 1, true), e)
f = assert(io.open '/tmp')
local nothing, message, code = f:read()
assert(nothing == nil and message == 'Is a directory' and code == 21)
nothing, message, code = f:read('a', 'a')
assert(nothing == nil and message == 'Is a directory' and code == 21)
assert(select(2, pcall(f:lines())):find 'Is a directory$' and f:close())
