-- string.pack, unpack, packsize: integers, sizes, endianness, overflow.
local pack, unpack, size = string.pack, string.unpack, string.packsize
local function hex(s) return (s:gsub('.', function(c) return ('%02x'):format(c:byte()) end)) end

-- sizes of the native options on 64 bit machines
assert(size 'b' == 1 and size 'B' == 1 and size 'h' == 2 and size 'H' == 2 and size 'i' == 4 and size 'I' == 4)
assert(size 'l' == 8 and size 'L' == 8 and size 'j' == 8 and size 'J' == 8 and size 'T' == 8 and size 'f' == 4 and size 'd' == 8 and size 'n' == 8)

-- endianness
assert(hex(pack('<i4', 0x01020304)) == '04030201' and hex(pack('>i4', 0x01020304)) == '01020304')
assert(hex(pack('<i2>i2=', 1, 1)) == '01000001')
assert(hex(pack('<i3', -2)) == 'feffff' and hex(pack('>i3', -2)) == 'fffffe')

-- every size
for n = 1, 16 do
  for _, e in ipairs { '<', '>' } do
    local fmt = e .. 'i' .. n
    assert(size(fmt) == n and #pack(fmt, -3) == n and unpack(fmt, pack(fmt, -3)) == -3 and unpack(fmt, pack(fmt, 100)) == 100)
    fmt = e .. 'I' .. n
    assert(unpack(fmt, pack(fmt, 200)) == 200)
  end
end
assert(unpack('<i9', pack('<i9', math.mininteger)) == math.mininteger and unpack('<I8', pack('<I8', -1)) == -1)

-- limits
assert(unpack('b', pack('b', -128)) == -128 and unpack('B', pack('B', 255)) == 255)
local function fails(msg, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails('integer overflow', pack, 'b', 128)
fails('integer overflow', pack, '<i2', -32769)
fails('unsigned overflow', pack, 'B', 256)
fails('unsigned overflow', pack, '<I2', -1)
fails('integral size (17) out of limits [1,16]', pack, 'i17', 1)
fails('integral size (0) out of limits [1,16]', pack, 'i0', 1)
fails('9-byte integer does not fit into Lua Integer', unpack, '<i9', ('\255'):rep(8) .. '\1')
fails('data string too short', unpack, '<i4', 'abc')
fails("invalid format option 'y'", pack, 'y', 1)
fails('number has no integer representation', pack, 'i4', 1.5)

-- positions
local s = pack('<i2i2i2', 1, 2, 3)
local a, b, c, pos = unpack('<i2i2i2', s)
assert(a == 1 and b == 2 and c == 3 and pos == 7)
a, pos = unpack('<i2', s, 3)
assert(a == 2 and pos == 5)
a, pos = unpack('<i2', s, -2)
assert(a == 3 and pos == 7)
assert(unpack('', s) == 1 and unpack('', s, 7) == 7)
fails('initial position out of string', unpack, '<i2', s, 8)
fails('initial position out of string', unpack, '', '', 2)
fails('data string too short', unpack, '<i2', s, 6)

-- spaces are ignored
assert(pack(' < i2  i1 ', 1, 2) == '\1\0\2' and pack('') == '' and size '' == 0)
