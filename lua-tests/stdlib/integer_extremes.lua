-- The least and the greatest integer as arguments: nothing is negated, subtracted or converted past its range.

local least, greatest = math.mininteger, math.maxinteger
local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and string.find(message, text, 1, true), message)
end

-- debug.getlocal and setlocal: numbers of variables, of extra arguments, of levels.
local function read(...) return (debug.getlocal(1, least)) end
assert(read('first', 'second') == nil and debug.getlocal(1, least) == nil)
local function write(...)
  local a, b, d = 11, 22, 33
  local got = debug.setlocal(1, least, 'changed')
  return got, a, b, d, ...
end
local r = table.pack(write('first', 'second'))
assert(r.n == 6 and r[1] == nil and r[2] == 11 and r[3] == 22 and r[4] == 33 and r[5] == 'first' and r[6] == 'second')
local function extra(n, ...) return debug.getlocal(1, n) end
assert(select(2, extra(-1, 'a', 'b')) == 'a' and select(2, extra(-2, 'a', 'b')) == 'b' and extra(-3, 'a', 'b') == nil)
for _, n in ipairs { -4, least >> 32, -(1 << 31), (1 << 31) - 1, 1 << 30, 300, greatest >> 33 } do
  local name = extra(n, 'a', 'b')
  assert(name == nil, n)
  assert(debug.setlocal(1, n, 0) == nil)
  assert(debug.getlocal(extra, n) == nil)
end
for _, n in ipairs { least, -1, 0, greatest } do
  assert(n == 1 or not debug.getupvalue(extra, n) and not debug.setupvalue(extra, n, 1) and not debug.upvalueid(extra, n))
  fails('invalid upvalue index', debug.upvaluejoin, extra, n, extra, 1)
end
assert(debug.getinfo((1 << 31) - 1) == nil and debug.getinfo(-(1 << 31)) == nil)
fails('level out of range', debug.getlocal, (1 << 31) - 1, 1)
fails('level out of range', debug.setlocal, -(1 << 31), 1, 0)

-- They are ints of C, as the level of error is.
assert(debug.getinfo(1 << 32, 'n') ~= nil and debug.traceback('x', (1 << 32) + 100) == 'x\nstack traceback:')
assert(debug.getlocal(1, (1 << 32) + 1) == debug.getlocal(1, 1))
assert(math.ldexp(1, least) == 1 and math.ldexp(1, greatest) == 0.5 and math.ldexp(3, 1 << 31) == 0)

-- Loops whose number of iterations is the greatest there is.
for _, bounds in ipairs { { least, greatest, 1 }, { least, 0, 1 }, { 0, least, -1 }, { -1, greatest, 1 }, { greatest - 1, -2, -1 },
  { least + 1, 1, 1 }, { 1, least + 1, -1 }, { greatest, least, -1 }, { least, -1, 1 }, { greatest, -1, -1 }, { greatest, 0, -1 } } do
  local first, last, step = table.unpack(bounds)
  local n = 0
  for i = first, last, step do
    assert(i == first + n * step)
    n = n + 1
    if n == 5 then break end
  end
  assert(n == 5)
end
local n = 0
for i = least, greatest, greatest do n = n + 1 end
assert(n == 3)
for i = greatest, least, least do n = n + 1 end
assert(n == 5)

-- Positions, counts and ranges.
for _, a in ipairs { least, least + 1, greatest - 1, greatest } do
  local inside = a < 0
  assert(('abc'):sub(a) == (inside and 'abc' or '') and ('abc'):sub(1, a) == (inside and '' or 'abc'))
  assert(select('#', ('abc'):byte(a)) == 0 and (('abc'):find('b', a) ~= nil) == inside)
  assert((('abc'):gmatch('b', a)() ~= nil) == inside)
  assert(('abc'):gsub('b', 'x', a) == (inside and 'abc' or 'axc'))
  assert(select('#', table.unpack({}, a, a)) == 1)
  assert(math.abs(a) == (a == least and least or a < 0 and -a or a))
  assert(math.fmod(a, -1) == 0 and a // -1 == -a and a % -1 == 0)
  assert(table.move({ 1, 2 }, a, least, 1)[1] ~= nil or a == least)
  fails('out of', utf8.codepoint, 'abc', a, a)
  fails('', tonumber, '10', a)
  assert(pcall(select, a, 1) ~= inside)
end
fails('position out of bounds', table.insert, { 1 }, least, 1)
fails('position out of bounds', table.insert, { 1 }, greatest, 1)
fails('position out of bounds', table.remove, { 1 }, least)
fails('position out of bounds', table.remove, { 1 }, greatest)
fails('too many elements to move', table.move, {}, least, greatest, 1)
fails('destination wrap around', table.move, {}, 1, 2, greatest)
fails('too many results to unpack', table.unpack, {}, least, greatest)
assert(table.move({ 1, 2 }, greatest, greatest, 1)[2] == 2)

-- Like-tables that have these lengths.
local function like(n) return setmetatable({}, { __len = function() return n end, __newindex = function(_, k, v) error({ k, v }) end }) end
local function stored(f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and type(e) == 'table', e)
  return e[1]
end
assert(stored(table.insert, like(greatest), 'x') == least and stored(table.insert, like(least), 'x') == least + 1)
assert(stored(table.remove, like(least)) == least and stored(table.remove, like(greatest)) == greatest)
assert(stored(table.insert, like(greatest), 1, 'x') == 1)
table.sort(like(least))
fails('array too big', table.sort, like(greatest))

-- Reading: a number below zero is one past all memory to the reference.
local name = os.tmpname()
local f = assert(io.open(name, 'w+'))
f:write 'text'
for _, a in ipairs { least, -1 } do
  f:seek 'set'
  fails('not enough memory', f.read, f, a)
end
assert(f:seek('set', least) == nil and f:seek('cur', least) == nil and f:seek('end', least) == nil)
f:close()
os.remove(name)

-- The parameters of the collector are kept in a byte, divided by four.
local pause, multiplier = collectgarbage('setpause', 1000), collectgarbage('setstepmul', 1000)
assert(collectgarbage('setpause', least) == 1000 and collectgarbage('setpause') == 0 and collectgarbage('setpause', greatest) == 0)
assert(collectgarbage 'setpause' == 0 and collectgarbage('setpause', 1023) == 0 and collectgarbage('setpause', 1024) == 1020)
assert(collectgarbage('setpause', -4) == 0 and collectgarbage('setpause', pause) == 1020)
assert(collectgarbage('setstepmul', 7) == 1000 and collectgarbage('setstepmul', nil) == 4 and collectgarbage('setstepmul', multiplier) == 0)
