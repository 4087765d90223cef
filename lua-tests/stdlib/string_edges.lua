-- string: default arguments, negative and zero indices, empty strings, results.

-- byte: defaults are 1 and i; no results outside
assert(('abc'):byte() == 97 and ('abc'):byte(2) == 98 and ('abc'):byte(-1) == 99 and string.byte('\0') == 0 and ('\xff'):byte() == 255)
assert(select('#', ('abc'):byte(0)) == 0 and select('#', ('abc'):byte(4)) == 0 and select('#', (''):byte()) == 0)
assert(select('#', ('abc'):byte(1, -1)) == 3 and select('#', ('abc'):byte(-100, 100)) == 3 and select('#', ('abc'):byte(3, 2)) == 0)
assert(select('#', ('abc'):byte(0, -1)) == 3 and select('#', ('abc'):byte(-2)) == 1 and select('#', ('abc'):byte(math.mininteger, math.maxinteger)) == 3)
assert(('abc'):byte('2') == 98 and ('abc'):byte(2.0) == 98 and string.byte(12) == 49 and ('abc'):byte(nil, nil) == 97)

-- char
assert(string.char() == '' and string.char(0, 255, 65) == '\0\xffA' and string.char('72', 73.0) == 'HI')

-- lower, upper, reverse, len
assert(('aZ1\0é\xff'):lower() == 'az1\0é\xff' and ('aZ1\0é\xff'):upper() == 'AZ1\0é\xff' and string.lower(12) == '12' and (''):upper() == '')
assert(('abc\0d'):reverse() == 'd\0cba' and (''):reverse() == '' and string.reverse(123) == '321')
assert(('a\0b'):len() == 3 and string.len(1.5) == 3 and (''):len() == 0)

-- rep
assert(('ab'):rep(3) == 'ababab' and ('ab'):rep(0) == '' and ('ab'):rep(-1) == '' and ('ab'):rep(1, ',') == 'ab' and ('ab'):rep(3, ',') == 'ab,ab,ab')
assert((''):rep(100) == '' and (''):rep(3, '-') == '--' and ('x'):rep(2, '') == 'xx' and ('x'):rep(math.mininteger) == '')
assert(string.rep(1, 2, 3) == '131' and ('x'):rep('3') == 'xxx')

-- sub
local s = 'hello'
assert(s:sub(2) == 'ello' and s:sub(2, 3) == 'el' and s:sub(-3) == 'llo' and s:sub(-3, -2) == 'll' and s:sub(0) == s and s:sub(-100) == s)
assert(s:sub(3, 2) == '' and s:sub(6) == '' and s:sub(100) == '' and s:sub(1, 100) == s and s:sub(1, -100) == '' and s:sub(0, 0) == '' and s:sub(-1, 0) == '')
assert(s:sub(math.mininteger, math.maxinteger) == s and s:sub(math.maxinteger) == '' and s:sub(math.mininteger, math.mininteger) == '' and s:sub(5, 5) == 'o')
assert((''):sub(1) == '' and (''):sub(-1, 1) == '' and string.sub(12345, 2, 3) == '23' and s:sub('2', '3') == 'el' and s:sub(2, nil) == 'ello')

-- find and match: start positions, plain
assert(s:find 'l' == 3 and select(2, s:find 'll') == 4 and s:find('l', 4) == 4 and s:find('l', 5) == nil and s:find('l', -2) == 4)
assert(s:find '' == 1 and select(2, s:find '') == 0 and s:find('', 6) == 6 and s:find('', 7) == nil and s:find('', 100) == nil and s:find('', -100) == 1)
assert((''):find '' == 1 and (''):find('', 1) == 1 and (''):find('', 2) == nil and (''):find 'x' == nil and s:find('hello!') == nil)
assert(('a.b'):find('.', 1, true) == 2 and ('a.b'):find '.' == 1 and ('a+b'):find('+', 1, true) == 2 and ('a.b'):find('%.', 1, true) == nil)
assert(s:find('l', 0) == 3 and s:find('h', math.mininteger) == 1 and s:find('h', math.maxinteger) == nil)
local b, e, c1, c2 = s:find '(l)(l)'
assert(b == 3 and e == 4 and c1 == 'l' and c2 == 'l' and select('#', s:find 'x') == 1 and select('#', s:find '()') == 3)
assert(s:match 'l+' == 'll' and s:match '(h)(e)' == 'h' and s:match '()ll()' == 3 and s:match('.', -1) == 'o' and s:match('.', 6) == nil and s:match('', 6) == '')
assert(s:match '^ello' == nil and s:match('^ello', 2) == 'ello' and s:match('^', 4) == '' and s:match 'o$' == 'o' and s:match '$' == '' and s:match 'l$' == nil)
assert(string.match(2^53, '%d+') == '9' and string.find(123, '2') == 2 and string.match('2024', 2024) == '2024')
assert(('a\0b'):find('\0', 1, true) == 2 and ('a\0b'):match '%z' == '\0' and ('a\0b'):match '[\0]' == '\0' and ('a\0b'):find 'b' == 3)

-- gmatch: a third argument is where it begins; '^' is no anchor
local function all(...) local t = {} for x, y in string.gmatch(...) do t[#t + 1] = y and x .. y or x end return table.concat(t, ',') end
assert(all('one two', '%a+') == 'one,two' and all('one two', '%a+', 3) == 'e,two' and all('one two', '%a+', -2) == 'wo' and all('abc', '.', 100) == '' and all('abc', '') == ',,,')
assert(all('k=v, a=b', '(%w+)=(%w+)') == 'kv,ab' and all('abc', '()') == '1,2,3,4' and all('', '') == '' and all('abc', 'b*') == ',b,' and all('abc', '.', 0) == 'a,b,c')
assert(all('hello hello', '^hello') == '' and all('^a^a', '^a') == '^a,^a')

-- gsub: string, table, function; count; what is kept
local function g(...) local r, n = string.gsub(...) return r .. ' ' .. n end
assert(g('hello', 'l', 'L') == 'heLLo 2' and g('hello', 'l', 'L', 1) == 'heLlo 1' and g('hello', 'l', 'L', 0) == 'hello 0' and g('hello', 'l', 'L', -1) == 'hello 0')
assert(g('hello', '', '-') == '-h-e-l-l-o- 6' and g('', '', 'x') == 'x 1' and g('abc', '%w', '%0%0') == 'aabbcc 3' and g('abc', '%w', '%%') == '%%% 3' and g('abc', '(a)(b)', '%2%1') == 'bac 1')
assert(g('abc', '%w', '%1') == 'abc 3' and g('a b', '%w', { a = 1, b = false }) == '1 b 2' and g('a b', '%w', { a = 'x' }) == 'x b 2' and g('abc', '(b)()', { b = 'y' }) == 'ayc 1')
assert(g('abc', '.', function(x) if x == 'b' then return nil elseif x == 'c' then return false end return 7 end) == '7bc 3')
assert(g('abc def', '%w+', function(...) assert(select('#', ...) == 1) return ... end) == 'abc def 2' and g('x', '()(x)', function(p, x) return p .. x end) == '1x 1')
assert(g('hello', '^h', 'H') == 'Hello 1' and g('hhh', '^h', 'H') == 'Hhh 1' and g('abc', 'b', 5) == 'a5c 1' and g('abc', 'b', 1.5) == 'a1.5c 1' and g(121, 1, 3) == '323 2')
assert(g('a.b', '%.', '%%') == 'a%b 1' and g('hello world', 'o', 'x', 1 << 40) == 'hellx wxrld 2' and g('abc', 'b*', '-') == '-a-c- 3')
assert(g('x', 'x', setmetatable({}, { __index = function(_, k) return k .. k end })) == 'xx 1')

-- format
assert(('%5d|%-5d|%05d|%+d|% d'):format(42, 42, 42, 42, 42) == '   42|42   |00042|+42| 42' and ('%.3d'):format(5) == '005' and ('%5.3d'):format(5) == '  005')
assert(('%x %X %#x %o'):format(255, 255, 255, 8) == 'ff FF 0xff 10' and ('%x'):format(-1) == 'ffffffffffffffff' and ('%c%c'):format(72, 105) == 'Hi' and ('%5c|%-3c|'):format(65, 66) == '    A|B  |')
assert(('%e %.2e %E'):format(12345.678, 0.00012, 1) == '1.234568e+04 1.20e-04 1.000000E+00' and ('%g %g %G'):format(1e20, 0.1, 1e-10) == '1e+20 0.1 1E-10')
assert(('%f %.0f %5.1f|%-8.2f|%+.1f'):format(1, 2.5, 3.14159, 2, 1) == '1.000000 2   3.1|2.00    |+1.0' and ('%#.0f'):format(1) == '1.')
assert(('%a'):format(1) == '0x1p+0' and ('%A'):format(0.5) == '0X1P-1' and ('%.1a'):format(1) == '0x1.0p+0')
assert(('%s|%5s|%-5s|%.2s|%5.1s'):format('abc', 'abc', 'abc', 'abc', 'abc') == 'abc|  abc|abc  |ab|    a' and ('%s %s %s'):format(nil, true, 1.0) == 'nil true 1.0')
assert(('%d'):format('42') == '42' and ('%d'):format(42.0) == '42' and ('%s'):format(42) == '42' and ('%.1f'):format('2.25') == '2.2' and ('%i'):format(3) == '3')
assert(('%q'):format 'a\n"\\\0b\r1' == '"a\\\n\\"\\\\\\0b\\0131"' and ('%q'):format(1/3) == '0x1.5555555555555p-2' and ('%q'):format(math.mininteger) == '0x8000000000000000')
assert(('%q %q %q %q'):format(1, true, nil, 1/0) == '1 true nil 1e9999' and ('%q'):format(-1/0) == '-1e9999' and ('%q'):format(0/0) == '(0/0)' and ('%q'):format(2.0) == '0x1p+1')
assert(('%%'):format() == '%' and ('%d%%'):format(5) == '5%' and (''):format(1, 2) == '' and ('x'):format() == 'x')
assert(('%f'):format(1/0) == 'inf' and ('%.1f'):format(-1/0) == '-inf' and ('%5g|'):format(1/0) == '  inf|' and ('%d'):format(-0.0) == '0' and ('%g'):format(-0.0) == '-0')
assert(('%p'):format(1) == '(null)' and ('%p'):format(nil) == '(null)' and ('%p'):format(true) == '(null)' and ('%10p'):format(1) == '    (null)')
local t = {}
assert(('%p'):format(t) == ('%p'):format(t) and ('%p'):format(t) ~= ('%p'):format({}) and ('table: %p'):format(t) == tostring(t) and ('function: %p'):format(g) == tostring(g))
assert(('%s'):format(setmetatable({}, { __tostring = function() return 'shown' end })) == 'shown' and ('%10s'):format(setmetatable({}, { __name = 'N' })):match '^N: ')
assert(#('%99.99f'):format(1e308) > 99 and #('%.99f'):format(1/3) == 101 and ('%99d'):format(1) == (' '):rep(98) .. '1' and ('%.20s'):format(('x'):rep(50)) == ('x'):rep(20))

-- dump: with and without debug information; upvalues are fresh
local up = 5
local function f(x) up = x or up return up end
local copy = load(string.dump(f), 'copy', 'b')
assert(debug.setupvalue(copy, 1, 1) == 'up' and copy() == 1 and copy(9) == 9 and f() == 5)
local bare = load(string.dump(function(...) local a, b = ... return b, a end, true))
local x, y = bare(1, 2)
assert(x == 2 and y == 1 and #string.dump(f, true) < #string.dump(f) and string.dump(f):sub(1, 1) == '\27' and string.dump(f) == string.dump(f, false))

-- pack and unpack: every option, alignment, positions
assert(string.pack('b', -1) == '\xff' and string.pack('B', 255) == '\xff' and string.pack('<h', 1) == '\1\0' and string.pack('>h', 1) == '\0\1' and string.pack('=H', 1) == string.pack('H', 1))
assert(string.pack('>i3', -2) == '\xff\xff\xfe' and string.pack('>I5', 1) == '\0\0\0\0\1' and #string.pack('i16', -1) == 16 and string.pack('>j', 1) == '\0\0\0\0\0\0\0\1' and #string.pack('T', 1) == 8)
assert(string.pack('z', 'ab') == 'ab\0' and string.pack('>s1', 'ab') == '\2ab' and string.pack('>s2', '') == '\0\0' and #string.pack('s', '') == 8 and string.pack('c4', 'ab') == 'ab\0\0' and string.pack('x') == '\0' and string.pack('') == '')
assert(string.pack('>f', 1.0) == '\x3f\x80\0\0' and string.pack('>d', 1.0) == '\x3f\xf0\0\0\0\0\0\0' and string.pack('n', 0.5) == string.pack('d', 0.5) and string.pack('l', 1) == string.pack('j', 1))
assert(string.pack('>!4 b i4', 1, 2) == '\1\0\0\0\0\0\0\2' and string.pack('>!2 b i4', 1, 2) == '\1\0\0\0\0\2' and string.pack('!8 b Xi8', 1) == '\1' .. ('\0'):rep(7) and string.pack(' < b > b ', 1, 2) == '\1\2')
assert(string.packsize '' == 0 and string.packsize 'bhilj' == 1 + 2 + 4 + 8 + 8 and string.packsize '!8 b d' == 16 and string.packsize '!4 b d' == 12 and string.packsize 'c10 x' == 11 and string.packsize '! b j' == 16 and string.packsize 'fdn' == 20)
local v, at = string.unpack('b', '\xff')
assert(v == -1 and at == 2 and string.unpack('B', '\xff') == 255 and string.unpack('<i2', '\1\2') == 513 and string.unpack('>i2', '\1\2') == 258 and string.unpack('b', 'abc', 2) == 98 and string.unpack('b', 'abc', -1) == 99)
local a1, a2, a3, a4 = string.unpack('z s1 c2', 'ab\0\2xyzw')
assert(a1 == 'ab' and a2 == 'xy' and a3 == 'zw' and a4 == 9 and string.unpack('', 'abc') == 1 and string.unpack('', 'abc', 4) == 4 and string.unpack('c0', 'abc', 3) == '')
assert(string.unpack('<i16', ('\xff'):rep(16)) == -1 and string.unpack('<I9', '\1' .. ('\0'):rep(8)) == 1 and string.unpack('<d', string.pack('<d', -0.0)) == 0.0 and string.unpack('<f', string.pack('<f', 0.1)) ~= 0.1)
assert(string.unpack('z', '\0') == '' and select('#', string.unpack('bbb', 'abc')) == 4 and string.unpack('!4 xi4', ('\0'):rep(4) .. '\7\0\0\0') == 7)
