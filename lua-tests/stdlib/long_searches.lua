-- Patterns, subjects and replacements so long that others get their turn in between.
local lines = {}
for i = 1, 1500 do lines[i] = ('key%d = "value %d"'):format(i, i * i) end
local text = table.concat(lines, '\n')

-- find and match
local last = #text - #lines[1500] + 1
assert(text:find('key1500', 1, true) == last)
assert(text:find('key1500 ') == last)
assert(text:match('key1500 = "(.-)"') == 'value 2250000')
assert(text:find('^.*key1500') == 1)
assert(text:match('()key1499 ()') < last)
assert(text:find('[^%w%s="]') == nil)
assert(text:match('%b""', last) == '"value 2250000"')
local opened = ('('):rep(3000)
assert(opened:find('%b()') == nil)
assert((opened .. (')'):rep(3000)):find('%b()') == 1)
local twice = text .. '|' .. text
assert(twice:match('^(.*)|%1$') == text)
assert((twice .. 'x'):match('^(.*)|%1$') == nil)
assert(twice:match('^(.+)|(%1)$') == text)

-- long substrings, among them periodic ones
local needle = text:sub(10000, 20000)
assert(text:find(needle, 1, true) == 10000)
assert(text:find(needle .. '\1', 1, true) == nil)
local as = ('a'):rep(60000)
assert(as:find(('a'):rep(30000) .. 'b', 1, true) == nil)
assert((as .. 'b'):find(('a'):rep(30000) .. 'b', 1, true) == 30001)
assert(as:find(('a'):rep(30000), 5, true) == 5)
local abs = ('ab'):rep(30000)
assert((abs .. 'c'):find(('ab'):rep(10000) .. 'c', 1, true) == 40001)
assert(select(2, abs:gsub(('ab'):rep(5000), 'x')) == 6)

-- long patterns
local set = '[' .. ('%d'):rep(20000) .. ('a-c'):rep(5000) .. ']'
assert(text:find(set) == text:find('[%da-c]'))
assert(text:find('[^' .. set:sub(2)) == text:find('[^%da-c]'))
assert(as:find(('[ab]'):rep(5000)) == 1)
assert(as:match(('a'):rep(10000) .. '(a*)') == ('a'):rep(50000))
local ok, message = pcall(string.find, as, '[' .. ('%d'):rep(20000))
assert(not ok and message:find("malformed pattern (missing ']')", 1, true), message)
ok, message = pcall(string.find, as, ('a'):rep(10000) .. '%')
assert(not ok and message:find("malformed pattern (ends with '%')", 1, true), message)
assert(('x' .. as):find(('a'):rep(10000) .. ')', 1, true) == nil)
ok, message = pcall(string.match, as, ('a'):rep(10000) .. ')')
assert(not ok and message:find('invalid pattern capture', 1, true), message)

-- gmatch
local n, sum = 0, 0
for key, value in text:gmatch('(key%d+) = "value (%d+)"') do
  n = n + 1
  sum = sum + value
end
assert(n == 1500 and sum == 1500 * 1501 * 3001 // 6)
local parts = {}
for part in text:gmatch('[^\n]*') do parts[#parts + 1] = part end
assert(table.concat(parts, '\n') == text)

-- gsub with texts, functions and tables
local replaced, count = text:gsub('key', 'KEY')
assert(count == 1500 and replaced:gsub('KEY', 'key') == text)
assert(text:gsub('.', '%0%0'):gsub('(.)%1', '%1') == text)
local long = ('%1-%%-%0;'):rep(3000)
local out = ('ab'):gsub('(a)b', long)
assert(out == ('a-%-ab;'):rep(3000))
assert((text:gsub('%d+', function(d) return '<' .. d .. '>' end)) == (text:gsub('%d+', '<%0>')))
local map = setmetatable({}, { __index = function(_, k) return k .. '!' end })
assert((text:gsub('%a+', map)) == (text:gsub('%a+', '%0!')))
assert((text:gsub('%a+', { key = 'k' })) == (text:gsub('key', 'k')))
assert((text:gsub('\n', function() return false end)) == text)
assert(text:gsub('x*', '') == text)
assert(select(2, text:gsub('', '-')) == #text + 1)
assert((text:gsub('', '-', 5)):sub(1, 10) == '-k-e-y-1- ')
assert((text:gsub('^key', 'x')):sub(1, 3) == 'x1 ')
ok, message = pcall(string.gsub, text, '\n', ('x'):rep(20000) .. '%2')
assert(not ok and message:find('invalid capture index %2', 1, true), message)
