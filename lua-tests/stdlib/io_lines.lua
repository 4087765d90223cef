-- io.lines, file:lines; default input and output.

local name = os.tmpname()
local function fill(text) local f = assert(io.open(name, 'w')); f:write(text); f:close() end
local function collect(...)
  local t = {}
  for a, b in ... do t[#t + 1] = b and a .. '/' .. b or a end
  return table.concat(t, '|')
end

fill 'one\ntwo\n\nfour'
assert(collect(io.lines(name)) == 'one|two||four')
assert(collect(io.lines(name, 'L')) == 'one\n|two\n|\n|four')
assert(collect(io.lines(name, 3)) == 'one|\ntw|o\n\n|fou|r')
assert(collect(io.lines(name, 1, 'l')) == 'o/ne|t/wo|\n/four')
fill ''
assert(collect(io.lines(name)) == '')
fill '\n'
assert(collect(io.lines(name)) == '')
fill '\n\n'
assert(collect(io.lines(name)) == '|')
fill 'no newline'
assert(collect(io.lines(name)) == 'no newline')
fill('x\r\ny\0z\n')
assert(collect(io.lines(name)) == 'x\r|y\0z')
fill(('long'):rep(1000) .. '\nshort')
local first = io.lines(name)()
assert(#first == 4000)

-- file:lines does not close
fill 'a\nb\nc'
local f = assert(io.open(name))
assert(collect(f:lines()) == 'a|b|c' and io.type(f) == 'file')
f:seek 'set'
for l in f:lines() do if l == 'b' then break end end
assert(f:read() == 'c')
f:close()
local ok, e = pcall(f.lines, f)
assert(not ok and e:find('attempt to use a closed file', 1, true))

-- io.lines gives four values: the last closes the file in a loop
local it, s, c, tbc = io.lines(name)
assert(type(it) == 'function' and s == nil and c == nil and io.type(tbc) == 'file')
for _ in it do end
assert(io.type(tbc) == 'closed file')
ok, e = pcall(it)
assert(not ok and e:find('file is already closed', 1, true))
it, s, c, tbc = io.lines(name)
for l in it, s, c, tbc do if l == 'a' then break end end
assert(io.type(tbc) == 'closed file')

-- errors
ok, e = pcall(io.lines, '/nonexistent-directory/x')
assert(not ok and e:find('No such file or directory', 1, true))
ok, e = pcall(function() for _ in io.lines(name, 'x') do end end)
assert(not ok and e:find('invalid format', 1, true))

-- default input and output
local out = os.tmpname()
local stdout, stdin = io.output(), io.input()
assert(stdout == io.stdout and stdin == io.stdin)
io.output(out)
io.write('to the ', 'file', 1, '\n')
io.close()
io.output(stdout)
io.input(out)
assert(io.read 'L' == 'to the file1\n' and io.read() == nil)
io.close(io.input())
io.input(stdin)
ok, e = pcall(io.input, '/nonexistent-directory/x')
assert(not ok and e:find('No such file or directory', 1, true))
assert(os.remove(name) and os.remove(out))

-- print and io.write go to standard output, in order
print('printed', 1)
io.write('written ', 2, '\n')
io.stdout:write 'method\n'
