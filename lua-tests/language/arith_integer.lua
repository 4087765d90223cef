-- Integer arithmetic: wraparound, floor division, modulo, precedence of signs.

local maxi, mini = math.maxinteger, math.mininteger
assert(maxi == 9223372036854775807 and mini == -9223372036854775807 - 1)

-- wraparound
assert(maxi + 1 == mini and mini - 1 == maxi and -mini == mini)
assert(maxi * 2 == -2 and mini * 2 == 0 and mini * -1 == mini)
assert(maxi * maxi == 1)
assert(math.type(maxi + 1) == 'integer')

-- floor division rounds to minus infinity
assert(7 // 2 == 3 and -7 // 2 == -4 and 7 // -2 == -4 and -7 // -2 == 3)
assert(6 // 3 == 2 and -6 // 3 == -2 and 0 // 5 == 0 and 0 // -5 == 0)
assert(mini // -1 == mini and mini // 1 == mini and maxi // -1 == -maxi)
assert(1 // mini == -1 and -1 // mini == 0 and mini // mini == 1)
assert(math.type(7 // 2) == 'integer')

-- modulo takes the sign of the divisor
assert(7 % 3 == 1 and -7 % 3 == 2 and 7 % -3 == -2 and -7 % -3 == -1)
assert(6 % 3 == 0 and -6 % 3 == 0 and 6 % -3 == 0)
assert(mini % -1 == 0 and mini % 2 == 0 and mini % maxi == maxi - 1)
assert(5 % maxi == 5 and -5 % maxi == maxi - 5 and 5 % mini == mini + 5)
for a = -6, 6 do
  for b = -4, 4 do
    if b ~= 0 then assert(a == (a // b) * b + a % b) end
  end
end

-- division and power always give floats
assert(6 / 3 == 2 and math.type(6 / 3) == 'float')
assert(2 ^ 10 == 1024 and math.type(2 ^ 10) == 'float')
assert(1 / 0 == math.huge and -1 / 0 == -math.huge and 0 / 0 ~= 0 / 0)

-- variables, constants on the left and on the right
local k = 10
assert(k + 1 == 11 and 1 + k == 11 and k - 1 == 9 and 1 - k == -9)
assert(k * 3 == 30 and 3 * k == 30 and k // 3 == 3 and 33 // k == 3)
assert(k % 3 == 1 and 13 % k == 3 and k + 1000000 == 1000010 and k - 1000000 == -999990)
assert(-k == -10 and - -k == 10 and k - -k == 20)

-- errors of zero
local function fails(msg, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:match(':%d+: (.*)') == msg, e)
end
fails('attempt to divide by zero', function(a, b) return a // b end, 1, 0)
fails("attempt to perform 'n%0'", function(a, b) return a % b end, 1, 0)
fails('attempt to divide by zero', function(a) return a // 0 end, mini)
fails("attempt to perform 'n%0'", function(a) return a % 0 end, 5)
fails('attempt to divide by zero', function() return 1 // 0 end)

-- not even with one float
assert(1 // 0.0 == math.huge and 1.0 // 0 == math.huge)
local nan = 1 % 0.0
assert(nan ~= nan)

-- sums that need 64 bits
local f = 1
for i = 1, 20 do f = f * i end
assert(f == 2432902008176640000)
f = f * 21
assert(f == -4249290049419214848)
