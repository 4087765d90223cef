-- string.gmatch: captures, anchors, empty matches, init.

local function list(s, p, init)
  local t = {}
  for a, b in s:gmatch(p, init) do t[#t + 1] = b and a .. '=' .. b or tostring(a) end
  return table.concat(t, ' ')
end
assert(list('one two  three', '%a+') == 'one two three')
assert(list('a=1, b=2', '(%w+)=(%w+)') == 'a=1 b=2')
assert(list('hello', 'l') == 'l l' and list('hello', 'x') == '' and list('', 'x') == '')

-- empty matches
local n = 0
for _ in ('abc'):gmatch '' do n = n + 1 end
assert(n == 4)
assert(list('abc', '()') == '1 2 3 4' and list('', '()') == '1')
local t = {}
for s in ('a,b,,c'):gmatch '([^,]*)' do t[#t + 1] = '[' .. s .. ']' end
assert(table.concat(t) == '[a][b][][c]')
t = {}
for s, p in ('xaax'):gmatch '(a*)()' do t[#t + 1] = s .. p end
assert(table.concat(t, ' ') == '1 aa4 5', table.concat(t, ' '))

-- init
assert(list('abcabc', 'b', 3) == 'b' and list('abcabc', '%a', -2) == 'b c' and list('abc', '.', 4) == '' and list('abc', '.', 10) == '')
assert(list('abc', '.', 0) == 'a b c' and list('abc', '.', -100) == 'a b c')

-- numbers, position captures
local sum = 0
for d in ('1 2 3'):gmatch '%d' do sum = sum + d end
assert(sum == 6)

-- the iterator is independent of others on the same string
local it1, it2 = ('abc'):gmatch '.', ('abc'):gmatch '.'
assert(it1() == 'a' and it1() == 'b' and it2() == 'a' and it1() == 'c' and it1() == nil and it2() == 'b')
assert(it1() == nil)

-- nested
local out = {}
for line in ('a b\nc d'):gmatch '[^\n]+' do for w in line:gmatch '%a' do out[#out + 1] = w end out[#out + 1] = '/' end
assert(table.concat(out) == 'ab/cd/')

-- errors
assert(not pcall(string.gmatch, 'x') and not pcall(string.gmatch))
local ok, e = pcall(function() for _ in ('x'):gmatch '(' do end end)
assert(not ok and e:find('unfinished capture', 1, true))

-- csv with quotes
local function csv(line)
  local r = {}
  for q, f in (line .. ','):gmatch '("?)([^",]*)%1,' do r[#r + 1] = f end
  return table.concat(r, '|')
end
assert(csv 'a,"b",,c' == 'a|b||c')
