-- Assignment: multiple targets, adjustment of value lists, order of evaluation.

local a, b, c = 1, 2
assert(a == 1 and b == 2 and c == nil)

a, b = b, a
assert(a == 2 and b == 1)

-- extra values are evaluated and thrown away
local calls = 0
local function count() calls = calls + 1; return calls end
local x = count(), count(), count()
assert(x == 1 and calls == 3)

-- all expressions are evaluated before any assignment happens
local i = 1
local t = {}
i, t[i] = i + 1, 20
assert(i == 2 and t[1] == 20 and t[2] == nil)

do
  local p = { 1, 2, 3 }
  local n = 1
  n, p[n], p[n + 1] = n + 1, p[n + 1], p[n]
  assert(n == 2 and p[1] == 2 and p[2] == 1 and p[3] == 3)
end

-- the table expression on the left keeps its old value
do
  local q = { tag = 'old' }
  local old = q
  q.next, q = 'n', { tag = 'new' }
  assert(old.next == 'n' and q.tag == 'new' and q.next == nil)
end

-- only the last call of a list is expanded
local function three() return 1, 2, 3 end
local p1, p2, p3, p4 = three(), 10
assert(p1 == 1 and p2 == 10 and p3 == nil and p4 == nil)
p1, p2, p3, p4 = 0, three()
assert(p1 == 0 and p2 == 1 and p3 == 2 and p4 == 3)
p1, p2, p3 = (three())
assert(p1 == 1 and p2 == nil and p3 == nil)
p1, p2 = (function() end)()
assert(p1 == nil and p2 == nil)

-- a local is visible only after its statement
local z = 5
local z = z + 1
assert(z == 6)
local f = function() return f end   -- this f is the global one
assert(f() == nil)
local function g() return g end     -- this one is itself
assert(g() == g)

-- swapping through fields and globals
gx, gy = 'x', 'y'
gx, gy = gy, gx
assert(gx == 'y' and gy == 'x')
local o = { k = 1, l = 2 }
o.k, o.l = o.l, o.k
assert(o.k == 2 and o.l == 1)

-- chains through upvalues
local u, v = 1, 2
local function swap() u, v = v, u end
swap()
assert(u == 2 and v == 1)
swap()
assert(u == 1 and v == 2)

-- nil and nan as keys
assert(not pcall(function() t[nil] = 1 end))
assert(not pcall(function() t[0 / 0] = 1 end))
assert(t[nil] == nil and t[0 / 0] == nil)
