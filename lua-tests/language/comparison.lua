-- Comparison of numbers: integers and floats are compared by value.

local maxi, mini = math.maxinteger, math.mininteger
assert(1 < 2 and 2 > 1 and 1 <= 1 and 1 >= 1 and not (1 < 1) and not (2 <= 1))
assert(1 == 1.0 and 1 < 1.5 and 1.5 < 2 and 2 <= 2.0 and 2.0 >= 2 and not (2 < 2.0))
assert(-1 < 0.5 and -1.5 < -1 and 0 == -0.0)

-- 2^53 is the border of exact floats
local p53 = 1 << 53
assert(p53 == 2 ^ 53 and p53 + 1 ~= 2 ^ 53 and p53 + 1 > 2 ^ 53 and not (p53 + 1 <= 2 ^ 53))
assert(2 ^ 53 < p53 + 1 and p53 - 1 < 2 ^ 53 and 2 ^ 53 + 2 > p53 + 1)
assert(-p53 - 1 < -(2 ^ 53) and -(2 ^ 53) > -p53 - 1)

-- the borders of integers
assert(maxi < 2 ^ 63 and maxi ~= 2 ^ 63 and maxi <= 2 ^ 63 and not (maxi >= 2 ^ 63))
assert(2 ^ 63 > maxi and not (2 ^ 63 <= maxi) and maxi + 0.0 == 2 ^ 63)
assert(mini == -(2 ^ 63) and mini <= -(2 ^ 63) and mini >= -(2 ^ 63) and not (mini < -(2 ^ 63)))
assert(mini > -(2 ^ 63) * 1.0000001 and -(2 ^ 64) < mini)
assert(maxi < math.huge and mini > -math.huge and not (maxi > math.huge))
assert(math.huge > maxi and -math.huge < mini and math.huge >= maxi)

-- NaN
local nan = 0 / 0
for _, v in ipairs { 0, 1.5, maxi, mini, math.huge, nan } do
  assert(not (nan < v) and not (nan <= v) and not (nan > v) and not (nan >= v) and nan ~= v)
  assert(not (v < nan) and not (v <= nan) and not (v > nan) and not (v >= nan))
end

-- against constants on either side, as jumps and as values
local function cmp(a, b)
  local s = ''
  if a < b then s = s .. '<' end
  if a <= b then s = s .. '(' end
  if a == b then s = s .. '=' end
  if a >= b then s = s .. ')' end
  if a > b then s = s .. '>' end
  assert((a < b) == not not s:find '<' and (a >= b) == not not s:find ')')
  return s
end
assert(cmp(1, 2) == '<(' and cmp(2, 1) == ')>' and cmp(3, 3.0) == '(=)' and cmp(nan, nan) == '')
local x = 5
assert(x < 10 and x > -10 and 10 > x and x <= 5 and x >= 5 and 5 <= x and 5 >= x)
assert(x < 5.5 and x > 4.5 and 5.5 > x and x ~= 5.5 and x == 5.0 and 5 == x)
local f = 5.5
assert(f > 5 and f < 6 and 5 < f and 6 > f and f >= 5 and not (f <= 5) and f ~= 5)

-- equality over types
assert(1 ~= true and nil ~= false and '' ~= nil and 0 ~= nil and 0 ~= false)
assert({} ~= {} and print == print and 'a' .. 'b' == 'ab')
local t = {}
assert(t == t and not (t ~= t))

-- table keys: floats with integral value are integers
local k = {}
k[1] = 'a'; k[2.0] = 'b'; k[2 ^ 53] = 'c'
assert(k[1.0] == 'a' and k[2] == 'b' and k[p53] == 'c' and next({ [3.0] = 1 }) == 3)
assert(math.type(next({ [3.0] = 1 })) == 'integer' and k[1.5] == nil)
k[-0.0] = 'zero'
assert(k[0] == 'zero' and k[0.0] == 'zero')

-- a chain of comparisons
local sorted = { mini, -1.5, -1, 0, 0.5, 1, 2 ^ 53, p53 + 1, maxi, 2 ^ 63, math.huge }
for i = 1, #sorted do
  for j = 1, #sorted do
    assert((sorted[i] < sorted[j]) == (i < j) and (sorted[i] <= sorted[j]) == (i <= j))
    assert((sorted[i] == sorted[j]) == (i == j))
  end
end
