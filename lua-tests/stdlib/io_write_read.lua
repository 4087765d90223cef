-- io: writing, reading back, formats, seek, modes.

local name = os.tmpname()

-- write returns the file, takes numbers
local f = assert(io.open(name, 'w'))
assert(io.type(f) == 'file' and tostring(f):match '^file %(')
assert(f:write('line 1\n', 2, ' ', 3.5, '\n', '\n', 'last') == f)
f:close()
assert(io.type(f) == 'closed file' and tostring(f) == 'file (closed)' and io.type(5) == nil)

local r = assert(io.open(name))
assert(r:read() == 'line 1' and r:read 'n' == 2 and r:read 'n' == 3.5 and r:read 'l' == '' and r:read 'L' == '\n' and r:read 'L' == 'last')
assert(r:read() == nil and r:read 'a' == '' and r:read(0) == nil and r:read(1) == nil)

-- seek
assert(r:seek() == 18 and r:seek 'set' == 0 and r:seek('set', 5) == 5 and r:read(1) == '1' and r:seek('cur', -2) == 4 and r:seek('end') == 18)
assert(r:seek('end', -4) == 14 and r:read 'a' == 'last')
local ok, e, c = r:seek('set', -1)
assert(ok == nil and e == 'Invalid argument' and c == 22)

-- counts, several formats at once
r:seek 'set'
assert(r:read(0) == '' and r:read(4) == 'line')
local sp, num, rest = r:read(1, 'n', 'l')
assert(sp == ' ' and num == 1 and rest == '')
local x, y = r:read('n', 'n', 'n')
assert(x == 2 and y == 3.5)
r:seek 'set'
assert(r:read 'a' == 'line 1\n2 3.5\n\nlast' and r:read '*l' == nil)
r:seek 'set'
assert(r:read '*L' == 'line 1\n' and r:read(1000) == '2 3.5\n\nlast')
r:close()

-- append and update
f = assert(io.open(name, 'a'))
f:write '+'
f:close()
f = assert(io.open(name, 'r+'))
assert(f:read 'a' == 'line 1\n2 3.5\n\nlast+')
f:seek('set', 0)
f:write 'LINE'
f:seek('set', 0)
assert(f:read() == 'LINE 1')
f:close()
f = assert(io.open(name, 'w+b'))
assert(f:read 'a' == '')
f:write('a\0b\r\n\xff')
f:seek 'set'
assert(f:read 'a' == 'a\0b\r\n\xff')
f:close()
f = assert(io.open(name, 'a+'))
f:write 'end'
f:seek 'set'
assert(f:read(1) == 'a')
f:close()

-- a file that is not open for this
f = assert(io.open(name, 'r'))
ok, e, c = f:write 'x'
assert(ok == nil and e == 'Bad file descriptor' and c == 9)
f:close()

-- setvbuf, flush
f = assert(io.open(name, 'w'))
assert(f:setvbuf 'no' and f:setvbuf('full', 1024) and f:setvbuf 'line' and f:write 'z' and f:flush())
f:close()

-- <close> closes
local keep
do
  local h <close> = assert(io.open(name))
  keep = h
  assert(h:read 'a' == 'z')
end
assert(io.type(keep) == 'closed file')
assert(os.remove(name))
