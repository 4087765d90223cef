-- string.pack: floats, strings, padding, alignment.
local pack, unpack, size = string.pack, string.unpack, string.packsize
local function hex(s) return (s:gsub('.', function(c) return ('%02x'):format(c:byte()) end)) end
local function fails(msg, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(msg, 1, true), e)
end

-- floats
assert(hex(pack('<f', 1)) == '0000803f' and hex(pack('>f', 1)) == '3f800000' and hex(pack('<d', 1)) == '000000000000f03f')
assert(hex(pack('>n', -2)) == 'c000000000000000')
for _, v in ipairs { 0, -0.0, 1.5, -1e300, 5e-324, 1 / 0, -1 / 0, 0.1 } do
  assert(unpack('<d', pack('<d', v)) == v and unpack('>d', pack('>d', v)) == v and unpack('n', pack('n', v)) == v)
end
assert(unpack('f', pack('f', 0.5)) == 0.5 and unpack('f', pack('f', 0.1)) ~= 0.1 and math.type(unpack('f', pack('f', 1))) == 'float')
local nan = unpack('<d', pack('<d', 0 / 0))
assert(nan ~= nan)

-- zero-terminated strings
assert(pack('z', 'abc') == 'abc\0' and unpack('z', 'abc\0rest') == 'abc' and select(2, unpack('z', 'abc\0rest')) == 5)
assert(pack('zz', '', 'x') == '\0x\0')
fails('string contains zeros', pack, 'z', 'a\0b')
fails('unfinished string for format \'z\'', unpack, 'z', 'abc')

-- counted strings
assert(pack('<s1', 'abc') == '\3abc' and pack('<s2', 'ab') == '\2\0ab' and pack('>s4', '') == '\0\0\0\0')
assert(unpack('<s1', '\3abcd') == 'abc' and unpack('s', pack('s', 'long' .. ('x'):rep(300))) == 'long' .. ('x'):rep(300))
fails('string length does not fit in given size', pack, 's1', ('x'):rep(256))
fails('data string too short', unpack, '<s1', '\5abc')

-- fixed size strings
assert(pack('c5', 'abc') == 'abc\0\0' and unpack('c3', 'abcdef') == 'abc' and pack('c0', '') == '' and size 'c10' == 10)
fails('string longer than given size', pack, 'c2', 'abc')
fails("missing size for format option 'c'", pack, 'c', 'x')

-- padding and alignment
assert(pack('bxb', 1, 2) == '\1\0\2' and pack('<!4 b i4', 1, 2) == '\1\0\0\0\2\0\0\0' and size '!8 b d' == 16)
assert(pack('<!4 b Xi4 b', 1, 2) == '\1\0\0\0\2' and pack('<!2 b i4', 1, 2) == '\1\0\2\0\0\0' and size '!1 b i8' == 9)
assert(select('#', unpack('<!4 b i4', '\1\0\0\0\2\0\0\0')) == 3 and select(2, unpack('<!4 b i4', '\1\0\0\0\2\0\0\0')) == 2)
fails('power of 2', pack, '!4 i3', 0)
fails("invalid next option for option 'X'", pack, 'X')
fails("invalid next option for option 'X'", pack, 'Xz', 'x')

-- packsize refuses what varies
fails('variable-length format', size, 's')
fails('variable-length format', size, 'z')

-- a record there and back
local fmt = '<I2 i8 d s1 z c4 B'
local rec = { 65535, math.mininteger, -0.25, 'name', 'cstr', 'abcd', 7 }
local s = pack(fmt, table.unpack(rec))
local back = table.pack(unpack(fmt, s))
assert(back.n == 8 and back[8] == #s + 1)
for i = 1, 7 do assert(back[i] == rec[i]) end
