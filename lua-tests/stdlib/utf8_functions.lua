-- utf8: char, codepoint, len, offset, codes, charpattern.

local s = 'aé€𐍈'
assert(#s == 10 and utf8.len(s) == 4 and utf8.len('') == 0)
assert(utf8.char(97, 0xE9, 0x20AC, 0x10348) == s and utf8.char() == '' and utf8.char(0) == '\0')
assert(select('#', utf8.codepoint(s, 1, -1)) == 4)
local a, b, c, d = utf8.codepoint(s, 1, #s)
assert(a == 97 and b == 0xE9 and c == 0x20AC and d == 0x10348)
assert(utf8.codepoint(s) == 97 and utf8.codepoint(s, 2) == 0xE9 and utf8.codepoint(s, -4) == 0x10348 and select('#', utf8.codepoint(s, 3, 2)) == 0)

-- len with a range; positions of errors
assert(utf8.len(s, 2) == 3 and utf8.len(s, 4, 6) == 1 and utf8.len(s, -4) == 1 and utf8.len(s, 11) == 0 and utf8.len(s, 1, 0) == 0)
local n, pos = utf8.len('ab\xffcd')
assert(n == nil and pos == 3)
n, pos = utf8.len(s, 3)
assert(n == nil and pos == 3)
n, pos = utf8.len('\xe2\x82')
assert(n == nil and pos == 1)
n, pos = utf8.len('\xc0\x80')                -- overlong
assert(n == nil and pos == 1)
n, pos = utf8.len('\u{D800}')                -- a surrogate
assert(n == nil and pos == 1)
assert(utf8.len('\u{D800}', 1, -1, true) == 1 and utf8.len('\u{7FFFFFFF}', 1, -1, true) == 1 and utf8.len('\u{7FFFFFFF}') == nil)
assert(utf8.codepoint('\u{7FFFFFFF}', 1, 1, true) == 0x7FFFFFFF and utf8.char(0x7FFFFFFF) == '\u{7FFFFFFF}')

-- offset
assert(utf8.offset(s, 1) == 1 and utf8.offset(s, 2) == 2 and utf8.offset(s, 3) == 4 and utf8.offset(s, 4) == 7 and utf8.offset(s, 5) == 11)
assert(utf8.offset(s, 6) == nil and utf8.offset(s, -1) == 7 and utf8.offset(s, -4) == 1 and utf8.offset(s, -5) == nil)
assert(utf8.offset(s, 0, 3) == 2 and utf8.offset(s, 0, 9) == 7 and utf8.offset(s, 2, 2) == 4 and utf8.offset('', 1) == 1)

-- codes
local t = {}
for p, code in utf8.codes(s) do t[#t + 1] = p .. ':' .. code end
assert(table.concat(t, ' ') == '1:97 2:233 4:8364 7:66376')
for _ in utf8.codes('') do error 'empty' end
t = {}
for _, code in utf8.codes('\u{D800}', true) do t[#t + 1] = code end
assert(t[1] == 0xD800)

-- charpattern
t = {}
for ch in s:gmatch(utf8.charpattern) do t[#t + 1] = ch end
assert(#t == 4 and t[2] == 'é' and t[4] == '𐍈' and #utf8.charpattern == 14)

-- there and back for the borders of every length
for _, code in ipairs { 0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF, 0x1FFFFF, 0x200000, 0x3FFFFFF, 0x4000000, 0x7FFFFFFF } do
  assert(utf8.codepoint(utf8.char(code), 1, 1, true) == code)
end

-- errors
local function fails(msg, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails('invalid UTF-8 code', utf8.codepoint, '\xff')
fails('invalid UTF-8 code', utf8.codepoint, '\u{D800}')
fails('out of bounds', utf8.codepoint, 'abc', 4)
fails('out of bounds', utf8.codepoint, 'abc', 1, 4)
fails('value out of range', utf8.char, -1)
fails('value out of range', utf8.char, 0x80000000)
fails('initial position out of bounds', utf8.len, 'abc', 5)
fails('final position out of bounds', utf8.len, 'abc', 1, 4)
fails('position out of bounds', utf8.offset, 'abc', 1, 5)
fails('initial position is a continuation byte', utf8.offset, '€', 1, 2)
fails('invalid UTF-8 code', function() for _ in utf8.codes('a\xff') do end end)
fails('string expected, got nil', utf8.len, nil)
