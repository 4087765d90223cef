-- closures: closures made in loops, counters over upvalues, map and fold, memoised and curried functions. arg[1] = rounds.
local N = (arg and arg[1] or 400000) + 0

local function compose(f, g) return function(x) return f(g(x)) end end
local function adder(n) return function(x) return x + n end end
local function map(t, f)
  local r = {}
  for i = 1, #t do r[i] = f(t[i]) end
  return r
end
local function fold(t, f, a)
  for i = 1, #t do a = f(a, t[i]) end
  return a
end
local function counter()
  local n = 0
  return function() n = n + 1 return n end, function() return n end
end
local list = {}
for i = 1, 10 do list[i] = i end
local sum = 0
for i = 1, N do
  local up, get = counter()
  up() up()
  local f = compose(adder(i % 7), adder(get()))
  local mapped = map(list, f)
  sum = (sum + fold(mapped, function(a, b) return a + b * i end, 0)) % 1000003
end
print("closures", N, sum)
