-- os: tmpname, remove, rename; messages and error numbers.

local a, b = os.tmpname(), os.tmpname()
assert(type(a) == 'string' and a ~= b)

local f = assert(io.open(a, 'w'))
f:write 'content'
f:close()
os.remove(b)

assert(os.rename(a, b) == true)
local g, msg, code = io.open(a)
assert(g == nil and msg == a .. ': No such file or directory' and code == 2)
g = assert(io.open(b))
assert(g:read 'a' == 'content')
g:close()

-- removing
assert(os.remove(b) == true)
local ok, m, n = os.remove(b)
assert(ok == nil and m == b .. ': No such file or directory' and n == 2)
ok, m, n = os.rename(b, a)
assert(ok == nil and m == 'No such file or directory' and n == 2)

-- a path through something that does not exist, or is no directory
ok, m, n = os.remove('/nonexistent-directory/x')
assert(ok == nil and m == '/nonexistent-directory/x: No such file or directory' and n == 2)
local file = os.tmpname()
assert(io.open(file, 'w')):close()
ok, m, n = io.open(file .. '/inside')
assert(ok == nil and m == file .. '/inside: Not a directory' and n == 20)
assert(os.remove(file))

-- a directory can be opened but not read
local dir = io.open('/', 'r')
if dir then
  local r, e, c = dir:read(1)
  assert(r == nil and e == 'Is a directory' and c == 21)
  dir:close()
end
ok, m, n = io.open('/', 'w')
assert(ok == nil and m == '/: Is a directory' and n == 21)

-- wrong arguments
assert(not pcall(os.remove) and not pcall(os.rename, 'x') and not pcall(os.remove, {}))
assert(not pcall(os.exit, 'x'))

-- setlocale knows at least the C locale
assert(os.setlocale 'C' == 'C' and os.setlocale(nil, 'all') == 'C' and os.setlocale 'no_SUCH.locale' == nil)
