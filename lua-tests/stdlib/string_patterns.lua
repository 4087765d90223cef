-- Pattern items: classes, sets, repetitions, balance, frontier, back references.

local function all(class)
  local t = {}
  for i = 0, 127 do local ch = string.char(i); if ch:find(class) then t[#t + 1] = ch end end
  return table.concat(t)
end
local lower, upper, digit = 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '0123456789'
assert(all '%a' == upper .. lower and all '%l' == lower and all '%u' == upper and all '%d' == digit)
assert(all '%w' == digit .. upper .. lower and all '%x' == digit .. 'ABCDEFabcdef' and all '%s' == '\t\n\v\f\r ')
assert(#all '%c' == 33 and #all '%g' == 94 and #all '%p' == 32 and #all '.' == 128)
assert(#all '%A' == 128 - 52 and #all '%D' == 118 and #all '%S' == 122 and #all '%W' == 128 - 62 and #all '%Z' == 127)

-- sets
assert(all '[a-c]' == 'abc' and all '[%d_]' == digit .. '_' and all '[]]' == ']' and #all '[^]]' == 127)
assert(all '[a%-z]' == '-az' and all '[a-]' == '-a' and all '[-a]' == '-a' and all '[%a-]' == '-' .. upper .. lower)
assert(all '[%]]' == ']' and all '[%^a]' == '^a' and #all '[^%s]' == 122 and all '[a^]' == '^a' and all '[0-9a-fA-F]' == all '%x')

-- repetitions
assert(('aaab'):match 'a*' == 'aaa' and ('aaab'):match 'a+' == 'aaa' and ('aaab'):match 'a-' == '' and ('aaab'):match 'a?' == 'a')
assert(('aaab'):match 'a-b' == 'aaab' and ('b'):match 'a*b' == 'b' and ('b'):match 'a+b' == nil and ('ab'):match 'a?b' == 'ab')
assert(('<a><b>'):match '<.->' == '<a>' and ('<a><b>'):match '<.*>' == '<a><b>' and ('xaaay'):match 'x(a*)a' == 'aa')
assert(('abc'):match '.-$' == 'abc' and (''):match '.*' == '' and (''):match '.+' == nil and ('aXb'):match '%u' == 'X')
assert(('a*b'):match 'a%*b' == 'a*b' and ('a.b'):match '%.' == '.' and ('%d'):match '%%d' == '%d')

-- balance
assert(('f(a(b)c)d)'):match '%b()' == '(a(b)c)' and ('x'):match '%b()' == nil and ('((x'):match '%b()' == nil)
assert(('"a"b"'):match '%b""' == '"a"' and ('begin{x{y}z}end'):match '%b{}' == '{x{y}z}')

-- frontier
assert(('THE (quick) fox'):find '%f[%a]%a+%f[%A]' == 1)
local words = {}
for w in ('THE (quick) fox'):gmatch '%f[%a]%a+' do words[#words + 1] = w end
assert(table.concat(words, ',') == 'THE,quick,fox')
assert(('foo'):match '%f[%z]' == '' and ('foo'):find '%f[\0]' == 4 and ('aXb'):gsub('%f[X]', '|') == 'a|Xb')

-- back references
assert(('"x\' y"'):match '(["\'])(.-)%1' == '"' and select(2, ('"x\' y"'):match '(["\'])(.-)%1') == "x' y")
assert(('abab'):match '(ab)%1' == 'ab' and ('abac'):match '(ab)%1' == nil and ('xyzzyx'):match '(.)(.)(.)%3%2%1' == 'x')

-- position captures and nesting
local p1, w, p2 = ('  word '):match '()(%a+)()'
assert(p1 == 3 and w == 'word' and p2 == 7)
local o, i = ('key(val)'):match '(%w+%((%w+)%))'
assert(o == 'key(val)' and i == 'val')

-- zeros in subject and pattern
assert(('a\0b'):match 'a%zb' == 'a\0b' and ('a\0b'):match 'a\0b' == 'a\0b' and ('a\0\0b'):match '%z+' == '\0\0' and ('\0x'):find('[\0]') == 1)

-- bytes above 127 are no letters
assert(not ('\xe4'):find '%w' and ('\xe4'):find '[\xe0-\xff]' == 1 and ('\xe4'):find '%W' == 1)

