-- string.gsub: replacement strings, tables, functions, limits.

local function g(...) local s, n = string.gsub(...); return s .. ' ' .. n end
assert(g('hello', 'l', 'L') == 'heLLo 2' and g('hello', 'x', 'y') == 'hello 0' and g('', 'x', 'y') == ' 0')

-- % in the replacement
assert(g('abc', '%w', '%0%0') == 'aabbcc 3' and g('abc', '(%w)', '<%1>') == '<a><b><c> 3' and g('a b', '(%w) (%w)', '%2 %1') == 'b a 1')
assert(g('abc', 'b', '%%') == 'a%c 1' and g('abc', '%w', '%1') == 'abc 3' and g('x', 'x', '') == ' 1')
local ok, e = pcall(string.gsub, 'abc', 'b', '%2')
assert(not ok and e:find("invalid capture index %2", 1, true))
ok, e = pcall(string.gsub, 'abc', 'b', '%x')
assert(not ok and e:find("invalid use of '%' in replacement string", 1, true))
assert(not pcall(string.gsub, 'abc', 'b', '%'))

-- empty matches
assert(g('abc', '', '-') == '-a-b-c- 4' and g('', '', 'x') == 'x 1' and g('abc', 'x*', '-') == '-a-b-c- 4')
assert(g('abc d', '%w*', '<%0>') == '<abc> <d> 2')

-- limit
assert(g('aaaa', 'a', 'b', 2) == 'bbaa 2' and g('aaaa', 'a', 'b', 0) == 'aaaa 0' and g('aaaa', 'a', 'b', -1) == 'aaaa 0' and g('aaaa', 'a', 'b', 10) == 'bbbb 4')

-- anchors
assert(g('aaa', '^a', 'b') == 'baa 1' and g('aaa', 'a$', 'b') == 'aab 1' and g('a^a', '%^', 'x') == 'axa 1')

-- table
assert(g('$name is $age', '%$(%w+)', { name = 'Bob', age = 42 }) == 'Bob is 42 2')
assert(g('abc', '%w', { a = '1', b = false }) == '1bc 3' and g('a', 'a', setmetatable({}, { __index = function(_, k) return k .. '!' end })) == 'a! 1')
assert(g('abc', '()', { '1', '2', '3', '4' }) == '1a2b3c4 4')

-- function: captures as arguments; nil and false keep the match
assert(g('abc', '%w', function(c) return c:byte() .. ',' end) == '97,98,99, 3')
assert(g('abc', '%w', function(c) if c == 'b' then return 'B' end end) == 'aBc 3' and g('abc', 'b', function() return false end) == 'abc 1')
assert(g('k=v', '(%w)=(%w)', function(k, v) return v .. '=' .. k end) == 'v=k 1' and g('12', '%d', function(d) return d * 2 end) == '24 2')
local seen = {}
string.gsub('abc', '()(.)', function(p, c) seen[#seen + 1] = p .. c end)
assert(table.concat(seen, ' ') == '1a 2b 3c')
ok, e = pcall(string.gsub, 'abc', 'b', function() return {} end)
assert(not ok and e:find('invalid replacement value (a table)', 1, true))
ok, e = pcall(string.gsub, 'abc', 'b', { b = true })
assert(not ok and e:find('invalid replacement value (a boolean)', 1, true))
ok, e = pcall(string.gsub, 'abc', 'b')
assert(not ok and e:find('string/function/table expected, got no value', 1, true))
ok, e = pcall(string.gsub, 'abc', 'b', function() error('in gsub', 0) end)
assert(not ok and e == 'in gsub')

-- numbers as replacement
assert(g('abc', 'b', 5) == 'a5c 1' and g('abc', 'b', 1.5) == 'a1.5c 1')

-- recursion: gsub in gsub
local function expand(s, depth)
  return (s:gsub('%((.-)%)', function(x) return depth > 0 and '[' .. expand(x, depth - 1) .. ']' or x end))
end
assert(expand('a(b)c(d)', 2) == 'a[b]c[d]')
-- url encoding and decoding
local enc = ('a b&c'):gsub('[^%w]', function(c) return ('%%%02X'):format(c:byte()) end)
assert(enc == 'a%20b%26c' and enc:gsub('%%(%x%x)', function(h) return string.char(tonumber(h, 16)) end) == 'a b&c')
