-- Closures that capture loop variables and block locals.

-- numeric for: one variable a turn
local a = {}
for i = 1, 5 do a[i] = { get = function() return i end, set = function(v) i = v end } end
for i = 1, 5 do assert(a[i].get() == i) end
a[2].set(20)
assert(a[1].get() == 1 and a[2].get() == 20 and a[3].get() == 3)

-- getter and setter share the variable
local function counter()
  local n = 0
  return function() n = n + 1; return n end, function() return n end
end
local inc, get = counter()
local inc2, get2 = counter()
inc() inc() inc2()
assert(get() == 2 and get2() == 1)

-- a local in a loop body, not the loop variable
local fs = {}
for i = 1, 3 do
  local x
  if i == 2 then x = 'second' end
  fs[i] = function() return x end
end
assert(fs[1]() == nil and fs[2]() == 'second' and fs[3]() == nil)

-- capture, then change before the closure runs
local late
do
  local v = 1
  late = function() return v end
  v = 2
end
assert(late() == 2)

-- several levels
local function level1(x)
  return function(y)
    return function(z)
      x = x + 1; y = y + 1
      return x, y, z
    end
  end
end
local l2 = level1(10)
local l3, l3b = l2(20), l2(30)
local p, q, r = l3(1)
assert(p == 11 and q == 21 and r == 1)
p, q, r = l3b(2)
assert(p == 12 and q == 31 and r == 2)

-- parameters are locals, too
local function params(...)
  local first, second = ...
  return function() first, second = second, first; return first, second end
end
local sw = params('l', 'r')
local s1, s2 = sw()
assert(s1 == 'r' and s2 == 'l')
s1, s2 = sw()
assert(s1 == 'l' and s2 == 'r')

-- mutual recursion through locals
local even, odd
function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
assert(even(10) and not even(7) and odd(7))

-- a closure captured in break and in goto
local kept
for i = 1, math.huge do
  local sq = i * i
  kept = function() return i, sq end
  if sq > 50 then break end
end
local ki, ks = kept()
assert(ki == 8 and ks == 64)

-- two closures of the same function are different values that share upvalues
local function pair() local n = 0; local function f() n = n + 1; return n end return f, function() return f() end end
local f1, f2 = pair()
assert(f1 ~= f2 and f1() == 1 and f2() == 2 and f1() == 3)
