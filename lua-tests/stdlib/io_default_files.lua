-- io: default files, flush, close, setvbuf, lines with formats.

local name, other = os.tmpname(), os.tmpname()
local stdin, stdout = io.input(), io.output()

-- output: by name, by handle, asked without argument
local o = io.output(name)
assert(io.type(o) == 'file' and io.output() == o and o ~= stdout)
assert(io.output():write 'one ' == o)
assert(io.flush() == true and o:flush() == true)
local f = assert(io.open(name))
assert(f:read 'a' == 'one ')
f:close()
local second = assert(io.open(other, 'w'))
assert(io.output(second) == second and io.output() == second)
second:write 'x\ny\nz'
assert(io.close() == true and io.type(second) == 'closed file')
assert(io.output() == second)                       -- a closed file stays the default
io.output(o)
o:write('two')
assert(o:close() == true)
io.output(stdout)

-- input
local i = io.input(name)
assert(io.input() == i and io.read(3) == 'one' and io.read 'n' == nil)
i:seek 'set'
assert(io.read('l') == 'one two' and io.read() == nil and io.read 'a' == '' and io.read(0) == nil)
assert(io.close(i) == true and io.input() == i)
i = assert(io.open(other))
assert(io.input(i) == i and io.read 'L' == 'x\n')

-- io.lines without a name reads the default input, and leaves it open
local t = {}
for l in io.lines() do t[#t + 1] = l end
assert(table.concat(t, ',') == 'y,z' and io.type(i) == 'file')
i:seek 'set'
t = {}
for l in io.lines(nil, 'L') do t[#t + 1] = l end
assert(table.concat(t, ',') == 'x\n,y\n,z' and select('#', io.lines()) == 1)
i:close()
io.input(stdin)

-- lines with a name: four results, the file is closed at the end
local next_line, a, b, handle = io.lines(other, 1)
assert(a == nil and b == nil and io.type(handle) == 'file' and next_line() == 'x' and next_line() == '\n')
handle:close()
t = {}
for c, n in io.lines(other, 1, 0) do t[#t + 1] = c .. tostring(n) end
assert(table.concat(t, '|') == 'x|\n|y|\n|znil')
t = {}
for l in io.lines(other, 'a') do t[#t + 1] = l if #t == 3 then break end end
assert(#t == 3 and t[1] == 'x\ny\nz' and t[2] == '' and t[3] == '')

-- close: results, and use after it
f = assert(io.open(name))
assert(select('#', f:close()) == 1 and not pcall(f.close, f) and not pcall(io.close, f))
assert(tostring(f) == 'file (closed)')
getmetatable(f).__gc(f)                             -- harmless when it is closed
getmetatable(f).__close(f)
f = assert(io.open(name))
getmetatable(f).__close(f)
assert(io.type(f) == 'closed file')

-- setvbuf
f = assert(io.open(name, 'w'))
assert(f:setvbuf 'no' == true)
f:write 'unbuffered'
local g = assert(io.open(name))
assert(g:read 'a' == 'unbuffered')
assert(f:setvbuf('full', 4096) == true)
f:write ' and buffered'
assert(f:seek 'cur' == 23)                          -- seeking writes what is buffered
g:seek 'set'
assert(g:read 'a' == 'unbuffered and buffered')
assert(f:setvbuf 'line' == true and f:close())
g:close()

-- seek: defaults are 'cur' and 0; the end may be passed
f = assert(io.open(name, 'w+'))
assert(f:seek() == 0 and f:seek 'end' == 0 and f:seek('set', 5) == 5 and f:seek('cur') == 5)
f:write 'x'
assert(f:seek('cur', -3) == 3 and f:seek('end', 2) == 8 and f:seek('end', -1) == 5 and f:read(10) == 'x')
f:seek 'set'
assert(f:read 'a' == '\0\0\0\0\0x')
assert(f:seek('set', '2') == 2 and f:seek('set', 3.0) == 3)
f:close()

-- numbers as they are written, and "0" bytes to read
f = assert(io.open(name, 'w'))
f:write(1, ' ', 1.0, ' ', -0.0, ' ', 1e100, ' ', 2^53, ' ', math.mininteger, ' ', 1/0, ' ', 0.1, '\n')
f:close()
f = assert(io.open(name))
assert(f:read() == '1 1 -0 1e+100 9.007199254741e+15 -9223372036854775808 inf 0.1')
assert(f:read(0) == nil)
f:seek 'set'
assert(f:read(0) == '' and f:read(0, 1, 0) == '')
assert(select('#', f:read(0, 'l', 'l', 'a')) == 3)  -- ends at the first that fails
f:close()

-- tmpfile is open for update
local tmp = assert(io.tmpfile())
assert(io.type(tmp) == 'file' and tmp:write 'abc' == tmp and tmp:seek 'set' == 0 and tmp:read 'a' == 'abc' and tmp:close())

-- a file opened for writing does not read, and the other way round
f = assert(io.open(name, 'w'))
local r, message, code = f:read()
assert(r == nil and message == 'Bad file descriptor' and code == 9)
f:close()
f = assert(io.open(name))
r, message, code = f:write 'x'
assert(r == nil and message == 'Bad file descriptor' and code == 9)
f:close()
local ok
ok, message = pcall(io.lines, '/')
if ok then
  ok, message = pcall(message)
  assert(not ok and message:find('Is a directory', 1, true))
end

-- standard streams
assert(io.type(io.stdin) == 'file' and io.type(io.stdout) == 'file' and io.type(io.stderr) == 'file')
assert(io.stdout ~= io.stderr and io.stdout:flush() == true and io.stderr:write '' == io.stderr)
assert(os.remove(name) and os.remove(other))
