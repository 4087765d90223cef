-- Concatenation and length.

assert('a' .. 'b' == 'ab' and '' .. '' == '' and 'x' .. '' == 'x')
assert('a' .. 1 == 'a1' and 1 .. 'a' == '1a' and 1 .. 2 == '12' and 1.5 .. 2 == '1.52')
assert('a' .. 'b' .. 'c' .. 1 .. 2.0 == 'abc12.0')
assert('a\0' .. '\0b' == 'a\0\0b' and #('a\0' .. '\0b') == 4)

-- right associative, weaker than +
assert(1 .. 2 + 3 == '15' and 'x' .. 2 * 3 .. 'y' == 'x6y')
local order = {}
local mt = {}
local function mk(n) return setmetatable({ n = n }, mt) end
mt.__concat = function(a, b)
  a = type(a) == 'table' and a.n or a
  b = type(b) == 'table' and b.n or b
  order[#order + 1] = a .. '+' .. b
  return mk('(' .. a .. b .. ')')
end
local r = mk 'a' .. mk 'b' .. mk 'c'
assert(r.n == '(a(bc))' and table.concat(order, ' ') == 'b+c a+(bc)')

-- many operands in one expression
local a, b, c = 'a', 'b', 'c'
local s = a .. b .. c .. a .. b .. c .. a .. b .. c .. a .. b .. c .. a .. b .. c .. a .. b .. c .. a .. b .. c
assert(s == ('abc'):rep(7) and #s == 21)

-- operands are evaluated left to right
local seen = {}
local function e(x) seen[#seen + 1] = x; return x end
assert(e 'p' .. e 'q' .. e 'r' == 'pqr' and table.concat(seen) == 'pqr')

-- values of locals are not disturbed
local left = 'left'
local both = left .. left .. left
assert(left == 'left' and both == 'leftleftleft')

-- building long strings
local acc = ''
for i = 1, 200 do acc = acc .. i .. ',' end
assert(#acc == 9 * 2 + 90 * 3 + 101 * 4 and acc:sub(-8) == '199,200,')

-- length
assert(#'' == 0 and #'abc' == 3 and #'\u{20AC}' == 3)
assert(#{} == 0 and #{ 1, 2, 3 } == 3 and #{ n = 1 } == 0 and #{ nil } == 0)
assert(#{ 1, nil } == 1 and -#'ab' == -2 and #'ab' + 1 == 3 and #'a' .. '' == '1')
local t = {}
for i = 1, 100 do t[i] = i; assert(#t == i) end
for i = 100, 1, -1 do t[i] = nil; assert(#t == i - 1) end

-- errors
local function fails(msg, f)
  local ok, err = pcall(f)
  assert(not ok and err:find(msg, 1, true), err)
end
fails("attempt to concatenate a nil value (local 'x')", function() local x; return 'a' .. x end)
fails("attempt to concatenate a nil value (global 'undef')", function() return undef .. 'a' end)
fails("attempt to concatenate a table value (field 'f')", function() local q = { f = {} }; return 'a' .. q.f end)
fails("attempt to concatenate a boolean value (local 'x')", function() local x = true; return 'a' .. x .. 'b' end)
fails("attempt to get length of a nil value (local 'x')", function() local x; return #x end)
fails('attempt to get length of a number value', function() return #5 end)
