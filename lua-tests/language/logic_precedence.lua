-- and, or, not: values and short circuits; precedence of all operators.

assert((nil and 1) == nil and (false and 1) == false and (1 and 2) == 2 and ('' and 3) == 3)
assert((nil or 1) == 1 and (false or nil) == nil and (nil or false) == false and (1 or 2) == 1)
assert(not nil == true and not false == true and not 0 == false and not '' == false)
assert(not not nil == false and not not 1 == true)

-- short circuit
local hits = 0
local function hit(v) hits = hits + 1; return v end
local _ = false and hit(1)
_ = true or hit(1)
_ = nil and hit(1) or 5
assert(hits == 0 and _ == 5)
_ = hit(false) or hit(7)
assert(hits == 2 and _ == 7)
_ = hit(1) and hit(2) and hit(nil) and hit(4)
assert(hits == 5 and _ == nil)

-- truncation to one value
local function two() return 1, 2 end
assert(select('#', two() and two()) == 1 and select('#', nil or two()) == 1)

-- conditional idiom
local function pick(c, a, b) return c and a or b end
assert(pick(true, 1, 2) == 1 and pick(false, 1, 2) == 2 and pick(true, false, 2) == 2)

-- mixed in jumps
local function f(a, b, c)
  if a and b or c then return 'T' else return 'F' end
end
assert(f(1, 1, nil) == 'T' and f(1, nil, nil) == 'F' and f(nil, 1, 1) == 'T' and f(nil, nil, nil) == 'F')
local function g(a, b, c)
  if not (a or b) and c then return 'T' end
  return 'F'
end
assert(g(nil, false, 1) == 'T' and g(1, nil, 1) == 'F' and g(nil, nil, nil) == 'F')
local x = 5
local v = x > 3 and x < 10 and 'in' or 'out'
assert(v == 'in')
v = (x < 3 or x > 10) and 'out' or x == 5
assert(v == true)
local t = { a = { b = false } }
assert((t.a and t.a.b) == false and (t.x and t.x.y) == nil and (t.a.b or t.a) == t.a)

-- and binds stronger than or
assert((1 or 2 and nil) == 1 and (nil and 1 or 2) == 2 and (false or nil and 1) == nil)
assert((1 == 2 or 3 < 4 and 'y') == 'y')

-- precedence: or < and < comparison < | < ~ < & < shift < .. < + - < * / // % < unary < ^
assert(2 + 3 * 4 == 14 and (2 + 3) * 4 == 20 and 10 - 2 - 3 == 5 and 2 ^ 3 ^ 2 == 512)
assert(-2 ^ 2 == -4 and 2 ^ -2 == 0.25 and not 1 == 2 == false and -3 % 5 == 2)
assert(2 * 3 % 4 == 2 and 7 // 2 * 2 == 6 and 8 / 2 / 2 == 2 and 1 + 2 .. 3 + 4 == '37')
assert('a' .. 'b' == 'ab' and 1 .. 2 == '12' and #'abc' + 1 == 4 and -#'abc' == -3)
assert(1 < 2 == true and not (1 > 2) == true and 'a' < 'b' == true)
assert(1 << 1 + 1 == 4 and 6 & 3 << 1 == 6 and 1 | 2 ~ 3 == 1 and 5 & 3 == 1 == true)
assert(~0 & 15 == 15 and -1 >> 1 + 62 == 1 and - - 2 == 2 and ~ ~ 7 == 7)
assert(2 ^ 3 * 2 == 16 and 2 * 2 ^ 3 == 16 and not nil and 1 == 1)

-- comparison results as values
local r = { 1 < 2, 1 > 2, 1 == 1, 1 ~= 1, 2 <= 1, 2 >= 1, not 1 }
assert(r[1] and not r[2] and r[3] and not r[4] and not r[5] and r[6] and r[7] == false)
