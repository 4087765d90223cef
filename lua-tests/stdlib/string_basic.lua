-- string: sub, byte, char, rep, reverse, upper, lower, len and their edges.

local s = 'hello'
assert(s:sub(2, 4) == 'ell' and s:sub(2) == 'ello' and s:sub(-3) == 'llo' and s:sub(-3, -2) == 'll')
assert(s:sub(0) == s and s:sub(-100, 100) == s and s:sub(4, 2) == '' and s:sub(6) == '' and s:sub(5, 5) == 'o')
assert(s:sub(math.mininteger, math.maxinteger) == s and s:sub(math.maxinteger) == '' and s:sub(1, 0) == '')
assert(s:sub(1, -1) == s and s:sub(2, -2) == 'ell' and s:sub(-1, -1) == 'o' and (''):sub(1, 1) == '')
assert(s:sub(2.0, 3.0) == 'el' and ('\0a\0'):sub(2, 3) == 'a\0')

assert(s:byte() == 104 and s:byte(-1) == 111 and s:byte(2) == 101 and s:byte(10) == nil and s:byte(0) == nil)
local a, b, c = s:byte(1, 3)
assert(a == 104 and b == 101 and c == 108 and select('#', s:byte(1, -1)) == 5)
assert(select('#', s:byte(10, 12)) == 0 and select('#', s:byte(3, 2)) == 0 and ('\xff'):byte() == 255)

assert(string.char() == '' and string.char(72, 105) == 'Hi' and string.char(0, 255) == '\0\xff')
assert(string.char(s:byte(1, -1)) == s)
local ok, e = pcall(string.char, 256)
assert(not ok and e:find('value out of range', 1, true))
assert(not pcall(string.char, -1) and not pcall(string.char, 'x'))

assert(('ab'):rep(3) == 'ababab' and ('ab'):rep(3, ',') == 'ab,ab,ab' and ('x'):rep(0) == '' and ('x'):rep(-5) == '')
assert(('x'):rep(1, 'sep') == 'x' and (''):rep(3, '-') == '--' and ('\0'):rep(2) == '\0\0')
ok, e = pcall(string.rep, 'abc', math.maxinteger)
assert(not ok and e == 'resulting string too large')
assert(not pcall(string.rep, 'x', 1 << 60, 'yyyyyyyyyyyyyyyy'))

assert(s:reverse() == 'olleh' and (''):reverse() == '' and ('a\0b'):reverse() == 'b\0a')
assert(s:upper() == 'HELLO' and ('HeLLo 1!'):lower() == 'hello 1!' and ('\xe4'):upper() == '\xe4')
assert(s:len() == 5 and ('\0\0\0'):len() == 3 and (''):len() == 0)

-- numbers are converted
assert(string.len(12345) == 5 and string.upper(1.5) == '1.5' and string.rep(12, 2) == '1212' and string.sub(12345, 2, 3) == '23')

-- errors
local function fails(msg, f, ...)
  local ok2, err = pcall(f, ...)
  assert(not ok2 and err:find(msg, 1, true), err)
end
fails('string expected, got nil', string.len, nil)
fails('string expected, got no value', string.upper)
fails('number expected, got no value', string.sub, 'x')
fails('number expected, got table', string.rep, 'x', {})
fails('number has no integer representation', string.sub, 'x', 1.5)
fails('string expected, got boolean', string.reverse, true)
