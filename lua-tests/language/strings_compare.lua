-- Strings: comparison with embedded zeros, identity by value, long and short.

assert('a' < 'b' and 'a' <= 'a' and not ('b' < 'a') and 'Z' < 'a')
assert('' < 'a' and '' <= '' and not ('' < '') and 'a' < 'aa' and 'aa' < 'ab')
assert('10' < '9' and '1' < '10')

-- zeros are ordinary bytes
assert('\0' > '' and 'a\0' > 'a' and 'a\0b' < 'a\0c' and 'a\0b' > 'a\0a' and 'a\0' < 'a\1')
assert('\0' < '\1' and '\0\0' > '\0' and #'a\0b' == 3 and 'a\0b' ~= 'a\0c' and 'a\0b' ~= 'a')
assert('a\0b' == 'a' .. '\0' .. 'b')

-- long strings are equal by value
local function rep(c, n) local t = {}; for i = 1, n do t[i] = c end return table.concat(t) end
local l1, l2 = rep('x', 100), rep('x', 50) .. rep('x', 50)
assert(l1 == l2 and not (l1 < l2) and l1 <= l2 and #l1 == 100)
assert(l1 .. 'a' < l2 .. 'b' and l1 < l1 .. '\0')
local keyed = { [l1] = 'long' }
assert(keyed[l2] == 'long' and keyed[rep('x', 99)] == nil)

-- around the limit of short strings
for _, n in ipairs { 38, 39, 40, 41, 42 } do
  local a, b = rep('k', n), ('k'):rep(n)
  local t = { [a] = n }
  assert(a == b and t[b] == n and rawequal(a, b) == true)
end

-- sorting
local words = { 'pear', 'Apple', 'fig', 'apple', '', 'figs', 'fi\0g', 'b' }
table.sort(words)
assert(table.concat(words, '|') == '|Apple|apple|b|fi\0g|fig|figs|pear')

-- comparing with other types is an error
local function fails(msg, f)
  local ok, e = pcall(f)
  assert(not ok and e:match(':%d+: (.*)') == msg, e)
end
fails('attempt to compare string with number', function() return 'a' < 1 end)
fails('attempt to compare number with string', function() return 1 < 'a' end)
fails('attempt to compare nil with string', function() return nil <= 'a' end)
fails('attempt to compare two nil values', function() return nil < nil end)
fails('attempt to compare two boolean values', function() return true < false end)
fails('attempt to compare table with nil', function() return {} <= nil end)

-- length and indexing
assert(#'' == 0 and #'\0\0' == 2 and #'abc' == 3 and ('abc').len('xy') == 2)
assert(('x').foo == nil and ('x').rep == string.rep)
assert(not pcall(function() local s = 'x'; s.y = 1 end))
