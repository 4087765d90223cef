-- utf8: indices, defaults, lax mode, results on failure.

-- char
assert(utf8.char() == '' and utf8.char(72, 105) == 'Hi' and utf8.char(0) == '\0' and utf8.char(0x7f, 0x80) == '\x7f\xc2\x80' and utf8.char(0x7ff, 0x800) == '\xdf\xbf\xe0\xa0\x80')
assert(utf8.char(0xffff, 0x10000) == '\xef\xbf\xbf\xf0\x90\x80\x80' and utf8.char(0x10ffff) == '\xf4\x8f\xbf\xbf' and utf8.char(0x1fffff, 0x200000) == '\xf7\xbf\xbf\xbf\xf8\x88\x80\x80\x80')
assert(utf8.char(0x3ffffff, 0x4000000) == '\xfb\xbf\xbf\xbf\xbf\xfc\x84\x80\x80\x80\x80' and utf8.char(0x7fffffff) == '\xfd\xbf\xbf\xbf\xbf\xbf' and utf8.char('65') == 'A' and utf8.char(0xd800) == '\xed\xa0\x80')

-- charpattern
assert(utf8.charpattern == '[\0-\x7F\xC2-\xFD][\x80-\xBF]*')
local n = 0
for c in ('aé€😀'):gmatch(utf8.charpattern) do n = n + 1 assert(utf8.len(c) == 1) end
assert(n == 4)

-- len: defaults, negative positions, what is invalid
local s = 'aé€😀z'
assert(utf8.len(s) == 5 and utf8.len '' == 0 and utf8.len(s, 2) == 4 and utf8.len(s, -1) == 1 and utf8.len(s, 1, 1) == 1 and utf8.len(s, 2, 1) == 0 and utf8.len(s, #s + 1) == 0)
assert(utf8.len(s, 1, -1) == 5 and utf8.len(s, 1, 0) == 0 and utf8.len(s, -5) == 2 and utf8.len('abc', 4) == 0 and utf8.len('', 1) == 0 and utf8.len('abc', 1, -4) == 0 and utf8.len(123) == 3)
local function fails(at, ...) local l, p = utf8.len(...) assert(l == nil and p == at and select('#', utf8.len(...)) == 2, p) end
fails(1, '\x80')
fails(3, s, 3)
fails(4, 'abc\xff')
fails(1, '\xc0\x80')
fails(1, '\xe0\x80\x80')
fails(2, 'a\xe4\xb8')
fails(1, '\u{D800}')
fails(1, '\u{DFFF}')
fails(1, '\u{110000}')
fails(1, '\u{7FFFFFFF}')
fails(1, '\xfe')
assert(utf8.len('\u{D800}', 1, -1, true) == 1 and utf8.len('\u{7FFFFFFF}', 1, -1, true) == 1 and utf8.len('\u{D7FF}\u{E000}\u{10FFFF}') == 3)
fails(1, '\xc0\x80', 1, -1, true)
fails(1, '\xff', 1, -1, true)

-- codepoint: defaults are 1 and i
assert(utf8.codepoint(s) == 97 and utf8.codepoint(s, 2) == 0xe9 and utf8.codepoint(s, -1) == 122 and select('#', utf8.codepoint(s, 1, -1)) == 5 and select('#', utf8.codepoint(s, 3, 2)) == 0)
assert(utf8.codepoint(s, 4) == 0x20ac and select(2, utf8.codepoint(s, 4, 7)) == 0x1f600 and select('#', utf8.codepoint('', 1, 0)) == 0 and utf8.codepoint('\u{7FFFFFFF}', 1, 1, true) == 0x7fffffff)
assert(utf8.codepoint('\u{DC00}', 1, 1, true) == 0xdc00 and not pcall(utf8.codepoint, '\u{DC00}'))

-- offset: the default of i is 1 for n > 0 and the end for others
assert(utf8.offset(s, 1) == 1 and utf8.offset(s, 2) == 2 and utf8.offset(s, 3) == 4 and utf8.offset(s, 4) == 7 and utf8.offset(s, 5) == 11 and utf8.offset(s, 6) == 12 and utf8.offset(s, 7) == nil)
assert(utf8.offset(s, -1) == 11 and utf8.offset(s, -2) == 7 and utf8.offset(s, -5) == 1 and utf8.offset(s, -6) == nil and utf8.offset(s, 0) == 1 and utf8.offset(s, 0, 3) == 2 and utf8.offset(s, 0, 2) == 2 and utf8.offset(s, 0, 1) == 1)
assert(utf8.offset('', 1) == 1 and utf8.offset('', 0) == 1 and utf8.offset('', -1) == nil and utf8.offset('', 2) == nil and utf8.offset('abc', 5) == nil and utf8.offset('abc', 1, 4) == 4 and utf8.offset('abc', 2, 4) == nil)
assert(utf8.offset(s, 1, 4) == 4 and utf8.offset(s, 2, 4) == 7 and utf8.offset(s, -1, 4) == 2 and utf8.offset(s, -1, -1) == 7 and utf8.offset(s, 0, -1) == 11 and utf8.offset(s, 0, 9) == 7 and utf8.offset('\x80\x80', 0, 2) == 1)
assert(select('#', utf8.offset(s, 100)) == 1)

-- codes: positions and code points, strict and lax, empty
local t = {}
for p, c in utf8.codes(s) do t[#t + 1] = p .. ':' .. c end
assert(table.concat(t, ' ') == '1:97 2:233 4:8364 7:128512 11:122')
for _ in utf8.codes '' do error 'nothing there' end
t = {}
for p, c in utf8.codes('\u{200000}\u{D800}\u{7FFFFFFF}', true) do t[#t + 1] = ('%d:%x'):format(p, c) end
assert(table.concat(t, ' ') == '1:200000 6:d800 9:7fffffff')
local it, subject, first = utf8.codes 'xy'
assert(type(it) == 'function' and subject == 'xy' and first == 0 and it(subject, 0) == 1 and it(subject, 1) == 2 and it(subject, 2) == nil and it('é', 0) == 1)
