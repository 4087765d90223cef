-- Varargs: ..., select, table.pack, table.unpack.

local function count(...) return select('#', ...) end
assert(count() == 0 and count(nil) == 1 and count(nil, nil) == 2 and count(1, nil) == 2)

local function pass(...) return ... end
assert(count(pass()) == 0 and count(pass(nil, 1, nil)) == 3)
assert(count((pass(1, 2, 3))) == 1 and count((pass())) == 1)

-- adjustment in the middle and at the end
local function mid(...) return ..., 'end' end
local a, b = mid(1, 2, 3)
assert(a == 1 and b == 'end')
a, b = mid()
assert(a == nil and b == 'end')
local function last(...) return 'start', ... end
assert(select('#', last(1, 2)) == 3)

-- fixed parameters first
local function fixed(x, y, ...) return x, y, select('#', ...) end
local x, y, n = fixed(1)
assert(x == 1 and y == nil and n == 0)
x, y, n = fixed(1, 2, 3, 4)
assert(x == 1 and y == 2 and n == 2)

-- varargs in table constructors
local function tab(...) return { ... }, { ..., 'x' }, { 'x', ... }, { (...) } end
local t1, t2, t3, t4 = tab(7, 8, 9)
assert(#t1 == 3 and #t2 == 2 and t2[1] == 7 and #t3 == 4 and #t4 == 1)

-- select
assert(select('#') == 0)
assert(select(2, 'a', 'b', 'c') == 'b')
assert(select('#', select(2, 'a', 'b', 'c')) == 2)
assert(select(-1, 'a', 'b', 'c') == 'c')
assert(select(-3, 'a', 'b', 'c') == 'a')
assert(select('#', select(4, 'a', 'b', 'c')) == 0)
assert(select('2', 'a', 'b') == 'b')
assert(not pcall(select, 0))
assert(not pcall(select, -4, 1, 2, 3))
assert(not pcall(select))

-- pack and unpack
local p = table.pack(nil, 2, nil)
assert(p.n == 3 and p[1] == nil and p[2] == 2)
assert(table.pack().n == 0)
assert(count(table.unpack(p, 1, p.n)) == 3)
assert(count(table.unpack({}, 1, 3)) == 3)

-- ... of the main chunk is the list of arguments
assert(count(...) == 0)

-- a vararg belongs to its own function
local ok = load 'local function f(...) return function() return ... end end'
assert(not ok)
local f = load 'return ...'
assert(f(5) == 5 and count(f(1, 2)) == 2)

-- in loops and recursively
local function sum(first, ...)
  if first == nil then return 0 end
  return first + sum(...)
end
assert(sum(1, 2, 3, 4, 5) == 15)
local function iterate(...)
  local out = {}
  for i, v in ipairs { ... } do out[i] = v * 2 end
  return table.unpack(out)
end
assert(sum(iterate(1, 2, 3)) == 12)

-- many values
local big = {}
for i = 1, 200 do big[i] = i end
assert(count(table.unpack(big)) == 200 and sum(table.unpack(big)) == 20100)
assert(select(200, table.unpack(big)) == 200)

-- varargs survive calls that use the stack
local function keep(...)
  local r = 0
  for _ = 1, 3 do r = r + sum(...) end
  return r, ...
end
local r, v1, v2 = keep(4, 5)
assert(r == 27 and v1 == 4 and v2 == 5)
