-- string.find and string.match: init, plain, captures, anchors.

assert(select('#', ('abc'):find('x')) == 1)
local function r(...) local t = table.pack(...); for i = 1, t.n do t[i] = tostring(t[i]) end return table.concat(t, ' ') end
assert(r(('hello'):find 'l') == '3 3' and r(('hello'):find 'll') == '3 4' and r(('hello'):find 'xyz') == 'nil')
assert(r(('hello'):find('l', 4)) == '4 4' and r(('hello'):find('l', -1)) == 'nil' and r(('hello'):find('l', -2)) == '4 4')
assert(r(('hello'):find '') == '1 0' and r(('hello'):find('', 3)) == '3 2' and r(('hello'):find('', 6)) == '6 5')
assert(r(('hello'):find('', 7)) == 'nil' and r((''):find '') == '1 0' and r((''):find('', 2)) == 'nil')
assert(r(('hello'):find('h', -100)) == '1 1' and r(('hello'):find('h', 0)) == '1 1')

-- plain
assert(r(('a.b'):find('.', 1, true)) == '2 2' and r(('a.b'):find '.') == '1 1' and r(('a+b'):find('+b', 1, true)) == '2 3')
assert(r(('a[b'):find('[', 1, true)) == '2 2' and not pcall(string.find, 'a[b', '['))
assert(r(('aXbX'):find('X', 3, true)) == '4 4' and r(('a\0b'):find('\0', 1, true)) == '2 2' and r(('a\0b'):find('b', 1, true)) == '3 3')

-- captures follow
assert(r(('key = value'):find '(%w+)%s*=%s*(%w+)') == '1 11 key value')
assert(r(('hello'):find '()ll()') == '3 4 3 5')

-- match
assert(('hello'):match 'l+' == 'll' and ('hello'):match '(h)(e)' == 'h' and ('hello'):match '^e' == nil)
assert(r(('2024-01-31'):match '(%d+)-(%d+)-(%d+)') == '2024 01 31')
assert(('hello'):match('.-(l+)') == 'll' and ('  trim '):match '^%s*(.-)%s*$' == 'trim')
assert(('hello'):match('l', 4) == 'l' and ('hello'):match('^l', 4) == 'l' and ('hello'):match('^h', 2) == nil)
assert(('hello'):match '()' == 1 and math.type(('hello'):match '()') == 'integer' and ('hello'):match('()$') == 6)
assert(('x'):match '(x)()' == 'x' and select(2, ('x'):match '(x)()') == 2 and ('abc'):match('((a)(b))') == 'ab')

-- anchors
assert(('aaa'):find('^a', 2) == 2 and ('a^b'):find('^', 1, true) == 2 and ('a$b'):match 'a$b' == 'a$b')
assert(('abc'):match 'c$' == 'c' and ('abc'):match 'b$' == nil and ('a^'):match 'a^' == 'a^' and ('abc'):match '^abc$' == 'abc')

-- numbers as subjects and patterns
assert(r(string.find(12345, 34)) == '3 4' and string.match(12345, '%d$') == '5')

-- errors
local function fails(msg, p, s)
  local ok, e = pcall(string.find, s or 'a', p)
  assert(not ok and e:find(msg, 1, true), e)
end
fails('malformed pattern (ends with \'%\')', 'a%')
fails('malformed pattern (missing \']\')', '[a')
fails('malformed pattern (missing \']\')', '[]')
fails('malformed pattern (missing \']\')', '[^]')
fails('malformed pattern (missing \']\')', '[a%')
fails('unfinished capture', '(a')
fails('invalid pattern capture', 'a?)')
fails('invalid capture index %1', '%1')
fails('invalid capture index %1', '(%1)')
fails('missing arguments to \'%b\'', '%b')
fails('missing \'[\' after \'%f\' in pattern', '%f')
local ok, e = pcall(string.match, 'x', ('()'):rep(33))
assert(not ok and e:find('too many captures', 1, true))
