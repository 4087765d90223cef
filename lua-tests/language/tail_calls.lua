-- Return and tail calls: no growth of the stack, and what is a tail call.

local function loop(n, acc)
  if n == 0 then return acc end
  return loop(n - 1, acc + 1)
end
assert(loop(3000, 0) == 3000)

-- through methods, fields and varargs
local o = { n = 0 }
function o:down(k) self.n = self.n + 1; if k > 0 then return self:down(k - 1) end return self.n end
assert(o:down(1000) == 1001)

local function va(n, ...)
  if n == 0 then return select('#', ...), ... end
  return va(n - 1, ...)
end
local c, a, b = va(500, 'x', nil)
assert(c == 2 and a == 'x' and b == nil)

-- mutual
local ping, pong
function ping(n) if n == 0 then return 'ping' end return pong(n - 1) end
function pong(n) if n == 0 then return 'pong' end return ping(n - 1) end
assert(ping(1001) == 'pong' and ping(1000) == 'ping')

-- different numbers of parameters
local function f3(a1, b1, c1) return a1, b1, c1 end
local function f1(x) return f3(x, x + 1, x + 2) end
local function f5(p, q, r, s, t) return f1(p + q + r + s + t) end
local r1, r2, r3 = f5(1, 2, 3, 4, 5)
assert(r1 == 15 and r2 == 16 and r3 == 17)

-- tail call to a C function, and to a callable table
local function tc(...) return select('#', ...) end
assert(tc(1, 2, 3) == 3)
local callable = setmetatable({}, { __call = function(self, n, acc)
  if n == 0 then return acc end
  return self(n - 1, acc * 2)
end })
assert(callable(10, 1) == 1024)
local function tailcallable(n) return callable(n, 3) end
assert(tailcallable(2) == 12)

-- upvalues are closed before the jump
local keep = {}
local function capture(n)
  local v = n
  keep[n] = function() return v end
  if n == 1 then return n end
  return capture(n - 1)
end
capture(5)
for i = 1, 5 do assert(keep[i]() == i) end

-- not tail calls: parentheses, operators, several values
local function one() return 1, 2 end
local function paren() return (one()) end
local function plus() return one() + 0 end
local function two() return one(), 'x' end
assert(select('#', paren()) == 1 and select('#', plus()) == 1)
local t1, t2 = two()
assert(t1 == 1 and t2 == 'x')

-- return without values, and return at the end of a block
local function nothing() return end
local function block() do return 'b' end end
local function semi() return; end
assert(select('#', nothing()) == 0 and block() == 'b' and select('#', semi()) == 0)
assert(not load 'return 1; print(2)')

-- error through tail calls keeps its value
local function thrower(n) if n == 0 then error({ 'v' }) end return thrower(n - 1) end
local ok, e = pcall(thrower, 100)
assert(not ok and e[1] == 'v')

-- a tail call from pcall'd function and inside coroutines
local co = coroutine.wrap(function(n) return loop(n, 0) end)
assert(co(1500) == 1500)
local function ty(n) if n == 0 then return coroutine.yield('y') end return ty(n - 1) end
local w = coroutine.wrap(ty)
assert(w(200) == 'y' and w('back') == 'back')
