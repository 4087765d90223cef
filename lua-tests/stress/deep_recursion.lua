-- Deep recursion: plain, mutual, through pcall, metamethods, coroutines and varargs.

local function sum(n) if n == 0 then return 0 end return n + sum(n - 1) end
assert(sum(5000) == 12502500)

local function ack(m, n)
  if m == 0 then return n + 1 end
  if n == 0 then return ack(m - 1, 1) end
  return ack(m - 1, ack(m, n - 1))
end
assert(ack(2, 5) == 13)

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
assert(fib(14) == 377)

-- locals survive the levels below
local function keep(n)
  local a, b, c = n, n * 2, tostring(n)
  if n > 0 then keep(n - 1) end
  assert(a == n and b == n * 2 and c == tostring(n))
end
keep(1000)

-- protected calls inside each other
local function guarded(n)
  if n == 0 then error('bottom', 0) end
  local ok, e = pcall(guarded, n - 1)
  error(e .. '.', 0)
end
local ok, e = pcall(guarded, 100)
assert(not ok and e == 'bottom' .. ('.'):rep(100))

-- metamethods
local t = setmetatable({}, { __index = function(s, k) if k == 0 then return 0 end return s[k - 1] + 1 end })
assert(t[80] == 80)

-- a growing number of arguments
local function spread(n, ...)
  if n == 0 then return select('#', ...) end
  return (spread(n - 1, n, ...))
end
assert(spread(150) == 150)

-- closures over every level
local function chain(n, f)
  if n == 0 then return f end
  return chain(n - 1, function() return f() + 1 end)
end
assert(chain(150, function() return 0 end)() == 150)

-- coroutines at every level
local function nested(n)
  if n == 0 then return 0 end
  return 1 + coroutine.wrap(nested)(n - 1)
end
assert(nested(60) == 60)

-- trees
local function make(d) if d == 0 then return {} end return { make(d - 1), make(d - 1) } end
local function count(x) local n = 1; for _, c in ipairs(x) do n = n + count(c) end return n end
assert(count(make(8)) == 511)

-- nested data, as far as a list goes
local list
for i = 1, 2000 do list = { i, list } end
local n = 0
while list do n = n + list[1]; list = list[2] end
assert(n == 2001000)
