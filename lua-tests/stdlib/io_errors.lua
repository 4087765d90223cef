-- io: messages of failing calls.

local function fails(msg, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
local r, e, c = io.open('/nonexistent-directory/file')
assert(r == nil and e == '/nonexistent-directory/file: No such file or directory' and c == 2)
r, e, c = io.open('/nonexistent-directory/file', 'w')
assert(r == nil and e == '/nonexistent-directory/file: No such file or directory' and c == 2)

-- modes
for _, m in ipairs { '', 'x', 'rw', 'r+x', '+r', 'bb', 'rb+', 'r ', 'R' } do fails('invalid mode', io.open, '/dev/null', m) end
for _, m in ipairs { 'r', 'rb', 'r+', 'r+b', 'w', 'wb', 'w+', 'w+b', 'a', 'ab', 'a+', 'a+b' } do assert(io.open('/dev/null', m)):close() end

-- formats
local f = assert(io.open('/dev/null'))
fails('invalid format', f.read, f, 'x')
fails('invalid format', f.read, f, '')
fails('invalid option', f.seek, f, 'middle')
fails('invalid option', f.setvbuf, f, 'half')
fails('number has no integer representation', f.seek, f, 'set', 1.5)
f:close()

-- closed files
for _, m in ipairs { 'read', 'write', 'seek', 'lines', 'flush', 'close', 'setvbuf' } do
  fails('attempt to use a closed file', f[m], f, 'set')
end

-- wrong self
fails("bad argument #1 to 'read' (FILE* expected, got table)", function() f.read({}) end)
fails('calling \'read\' on bad self', function() local o = setmetatable({}, { __index = f }); o:read() end)
fails('FILE* expected, got no value', f.write)

-- what can be written
f = assert(io.open('/dev/null', 'w'))
fails("string expected, got table", f.write, f, {})
fails("string expected, got nil", f.write, f, 'x', nil)
fails('string expected, got boolean', io.write, true)
f:close()

-- io.type never fails but without argument
assert(io.type {} == nil and io.type(f) == 'closed file' and io.type(io.stdout) == 'file' and not pcall(io.type))

-- a file compares with itself, can be a key, has a metatable with a name
local t = { [f] = 'f' }
assert(t[f] == 'f' and f == f and f ~= io.stdout and getmetatable(f).__name == 'FILE*')
fails("attempt to perform arithmetic on a FILE* value (upvalue 'f')", function() return f + 1 end)
assert(getmetatable(f).__index.read == f.read)

-- popen and tmpfile
local tmp = assert(io.tmpfile())
tmp:write 'temporary'
tmp:seek 'set'
assert(tmp:read 'a' == 'temporary')
tmp:close()
