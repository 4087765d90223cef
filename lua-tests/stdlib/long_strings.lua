-- String functions on strings so long that others get their turn in between: the results are those of short steps.
local pieces, letters = {}, {}
for i = 1, 300 do
  pieces[i] = ('Piece %d of them all; '):format(i)
  letters[i] = string.char(i * 7 % 256)
end
local s = table.concat(pieces)
local bytes = table.concat(letters)
assert(#s > 6000)

-- one letter at a time, by another way
local function each(s, f)
  local out = {}
  for i = 1, #s do out[i] = f(s:sub(i, i), i) end
  return table.concat(out)
end
assert(s:upper() == each(s, string.upper))
assert(s:lower() == each(s, string.lower))
assert(s:reverse() == each(s, function(_, i) return s:sub(-i, -i) end))
assert(bytes:rep(20):upper():lower() == bytes:lower():rep(20))
assert(s:reverse():reverse() == s)

-- rep: units shorter and longer than a block, with separators
for _, unit in ipairs { 'x', 'ab', 'abc', ('q'):rep(100), s:sub(1, 5000), s } do
  for _, separator in ipairs { '', ',', ', ', ('-'):rep(4100) } do
    local n = 90000 // (#unit + #separator) + 2
    local parts = {}
    for i = 1, n do parts[i] = unit end
    assert(unit:rep(n, separator) == table.concat(parts, separator), #unit .. ' ' .. #separator)
  end
end
assert((''):rep(10000, 'ab') == ('ab'):rep(9999))

-- sub: copies of long parts
local long = s:rep(20)
for _, range in ipairs { { 1, -1 }, { 2, -1 }, { 1, -2 }, { -100000, -2 }, { 5, 70000 }, { 70000, 5 }, { -1e6 // 1 | 0, 80000 } } do
  local from, to = range[1], range[2]
  local part = long:sub(from, to)
  if from < 0 then from = math.max(#long + from + 1, 1) end
  if to < 0 then to = #long + to + 1 end
  assert(#part == math.max(to - from + 1, 0))
  assert(part == '' or (part:byte(1) == long:byte(from) and part:byte(-1) == long:byte(to)))
  assert(long:find(part, 1, true) == (part == '' and 1 or long:find(part:sub(1, 50), 1, true)))
end

-- byte and char, there and back
local values = { s:byte(1, 6000) }
assert(#values == 6000 and values[1] == s:byte(1) and values[6000] == s:byte(6000))
assert(string.char(table.unpack(values)) == s:sub(1, 6000))
values[5000] = 256
local ok, message = pcall(string.char, table.unpack(values))
assert(not ok and message:find("bad argument #5000 to '[%a.]+' %(value out of range%)"), message)
ok, message = pcall(string.byte, ('x'):rep(1 << 20), 1, -1)
assert(not ok and message:find('string slice too long', 1, true), message)

-- format
local quoted = ('%q'):format(bytes:rep(20))
assert(load('return ' .. quoted)() == bytes:rep(20))
assert(('<%s|%5s|%q>'):format(s, 'ab', s) == '<' .. s .. '|   ab|' .. ('%q'):format(s) .. '>')
local many, arguments = {}, {}
for i = 1, 1000 do many[i], arguments[i] = '%d%%', i end
local numbers = table.concat(many, ','):format(table.unpack(arguments))
assert(numbers:gsub('%%', '') == table.concat(arguments, ','))
local texts = {}
for i = 1, 300 do
  texts[i] = setmetatable({}, { __tostring = function() return 'text ' .. i end })
end
local all = ('%s;'):rep(300):format(table.unpack(texts))
assert(select(2, all:gsub('text %d+;', '')) == 300)
ok, message = pcall(string.format, ('%d'):rep(900), table.unpack(arguments, 1, 899))
assert(not ok and message:find("bad argument #901 to '[%a.]+' %(no value%)"), message)
assert(('%5s'):format(s) == s)
ok, message = pcall(string.format, '%5s', s .. '\0')
assert(not ok and message:find('string contains zeros', 1, true))

-- pack and unpack
local format = ('<i2 s4 z xB'):rep(300)
local packed = {}
for i = 0, 299 do
  packed[#packed + 1] = i
  packed[#packed + 1] = 's' .. i
  packed[#packed + 1] = 'z' .. i
  packed[#packed + 1] = i % 256
end
local data = format:pack(table.unpack(packed))
local back = table.pack(format:unpack(data))
assert(back.n == #packed + 1 and back[back.n] == #data + 1)
for i = 1, #packed do assert(back[i] == packed[i], i) end
assert(('!8 i1 i8'):rep(3000):packsize() == 3000 * 16)
local padded = ('c100000'):pack('abc')
assert(#padded == 100000 and padded == 'abc' .. ('\0'):rep(99997))
assert(('c100000 i1'):pack('abc', 7) == padded .. '\7')
ok, message = pcall(string.pack, ('i1'):rep(3000), table.unpack(arguments, 1, 100))
assert(not ok and message:find("bad argument #102 to '[%a.]+'"), message)
ok, message = pcall(string.packsize, ('i1'):rep(3000) .. 's')
assert(not ok and message:find('variable%-length format'), message)
ok, message = pcall(string.unpack, ('i1'):rep(3000), ('x'):rep(2999))
assert(not ok and message:find('data string too short', 1, true), message)

-- dump of a large function, and back
local source = {}
for i = 1, 300 do source[i] = ('local function f%d(x) return x + %d end t[%d] = f%d'):format(i, i, i, i) end
local code = 'local t = {} ' .. table.concat(source, '\n', 1, 180) .. ' return t'
local f = assert(load(code))
assert(load(string.dump(f))()[180](1) == 181)

-- numerals in any base
assert(tonumber((' '):rep(10000) .. '-' .. ('0'):rep(10000) .. 'ff' .. (' '):rep(10000), 16) == -255)
assert(tonumber(('1'):rep(10000) .. '2', 2) == nil)
assert(tonumber((' '):rep(10000), 10) == nil)
assert(tonumber('-' .. (' '):rep(10000) .. '1', 10) == nil)
assert(tonumber(('z'):rep(4500), 36) == tonumber(('z'):rep(36 * 125), 36))
