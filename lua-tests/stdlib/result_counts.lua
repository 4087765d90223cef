-- How many results library functions have at their edges: no value is not nil.

local function count(...) return select('#', ...) end
local name = os.tmpname()
local function fill(text) local f = assert(io.open(name, 'w')) f:write(text) f:close() end

-- Iterators of lines at the end of a file: no value. read: nil.
assert(count(io.lines('/dev/null')()) == 0 and count(io.lines('/dev/null', 'l', 'n')()) == 0)
fill 'one\ntwo\n'
local next_line = io.lines(name)
assert(next_line() == 'one' and next_line() == 'two' and count(next_line()) == 0)
assert(select(2, pcall(next_line)) == 'file is already closed')
local f = assert(io.open(name))
local line = f:lines 'L'
assert(line() == 'one\n' and line() == 'two\n' and count(line()) == 0 and count(line()) == 0)
assert(count(f:read()) == 1 and count(f:read('l', 'l')) == 1 and count(f:read('n')) == 1 and count(f:read(0)) == 1 and f:read 'a' == '')
assert(count(f:read('a', 'a', 'l', 'a')) == 3)
f:seek 'set'
assert(count(f:read('l', 'l', 'l', 'l')) == 3 and count(f:read('a', 0, 'a')) == 2)
f:seek 'set'
local both = f:lines('l', 'n')
assert(count(both()) == 2 and count(both()) == 2 and count(both()) == 0)
f:close()
io.input(name)
local default = io.lines()
assert(default() == 'one' and default() == 'two' and count(default()) == 0 and io.type(io.input()) == 'file')
io.input():close()
io.input(io.stdin)
local _, state, control, closing = io.lines(name)
assert(state == nil and control == nil and io.type(closing) == 'file' and count(io.lines(name)) == 4)
closing:close()

-- Iterators of patterns and of code points: no value; next and ipairs: nil.
local match = ('aXbX'):gmatch 'X'
assert(match() and match() and count(match()) == 0 and count(match()) == 0)
assert(count(('abc'):gmatch('b', 10)()) == 0 and count(('abc'):gmatch '()x()'()) == 0 and count(('ab'):gmatch '()(b)()'()) == 3)
local codes, s, i = utf8.codes 'a'
assert(count(codes(s, i)) == 2 and count(codes(s, 1)) == 0)
assert(count(next {}) == 1 and count(next({ 1 }, 1)) == 1 and count(ipairs {}({}, 0)) == 1)
assert(count(pairs {}) == 3 and count(ipairs {}) == 3 and count(pairs(setmetatable({}, { __pairs = function() end }))) == 3)

-- Others.
assert(count(('x'):byte(5)) == 0 and count(('abc'):byte(1, -1)) == 3 and count(('x'):find 'y') == 1 and count(('x'):match 'y') == 1)
assert(count(table.remove {}) == 1 and count(table.insert({}, 1)) == 0 and count(table.sort {}) == 0 and count(table.unpack({}, 1, 0)) == 0)
assert(count(string.unpack('', '')) == 1 and count(utf8.codepoint('abc', 3, 2)) == 0 and count(utf8.len '\xff') == 2)
assert(count(select(2, 1)) == 0 and count(select(-1, 1, nil)) == 1 and count(load 'x y') == 2 and count(load '') == 1)
assert(count(debug.getlocal(1, 100)) == 1 and count(debug.getupvalue(print, 1)) == 0 and count(debug.setupvalue(count, 100, 1)) == 0)
assert(count(coroutine.running()) == 2 and count(pcall(coroutine.wrap(function() end))) == 1 and count(coroutine.close(coroutine.create(print))) == 1)
assert(count(debug.sethook()) == 0 and count(print == nil) == 1 and count(math.modf(1)) == 2 and count(os.getenv 'NOT SET') == 1)
assert(count(io.open '/nowhere/x') == 3 and count(os.remove '/nowhere/x') == 3 and count(io.type(1)) == 1)

-- An empty write needs no file that can be written.
f = assert(io.open(name))
assert(f:write() == f and f:write '' == f and count(f:write 'x') == 3)
f:close()
os.remove(name)
