-- Arithmetic metamethods: dispatch, order of operands, results.

local log = {}
local function op(name) return function(a, b)
  log[#log + 1] = name
  return { name, a, b }
end end
local mt = {}
for _, n in ipairs { 'add', 'sub', 'mul', 'div', 'mod', 'pow', 'idiv', 'unm' } do mt['__' .. n] = op(n) end
local o = setmetatable({}, mt)

local function check(r, name, a, b)
  assert(r[1] == name and rawequal(r[2], a) and rawequal(r[3], b), name)
end
check(o + 1, 'add', o, 1); check(1 + o, 'add', 1, o); check(o + o, 'add', o, o)
check(o - 2, 'sub', o, 2); check(2 - o, 'sub', 2, o)
check(o * 3, 'mul', o, 3); check(3.5 * o, 'mul', 3.5, o)
check(o / 4, 'div', o, 4); check(4 / o, 'div', 4, o)
check(o % 5, 'mod', o, 5); check(5 % o, 'mod', 5, o)
check(o ^ 6, 'pow', o, 6); check(6 ^ o, 'pow', 6, o)
check(o // 7, 'idiv', o, 7); check(7 // o, 'idiv', 7, o)
check(-o, 'unm', o, o)
check(o + nil, 'add', o, nil); check(true + o, 'add', true, o); check(o + 'x', 'add', o, 'x')
assert(#log == 19)

-- with variables, upvalues and fields
local k, t = 10, { f = o }
local function up() return k - o, t.f * k end
local r1, r2 = up()
check(r1, 'sub', 10, o); check(r2, 'mul', o, 10)

-- the first operand's metamethod wins
local A = setmetatable({}, { __add = function() return 'A' end })
local B = setmetatable({}, { __add = function() return 'B' end, __sub = function() return 'B-' end })
assert(A + B == 'A' and B + A == 'B' and A - B == 'B-' and 1 + B == 'B')

-- one result only; nil and false are fine
local M = setmetatable({}, { __mul = function() return 1, 2 end, __add = function() end, __sub = function() return false end })
assert(select('#', M * 1) == 1 and M + 1 == nil and M - 1 == false)

-- a vector class
local V = {}
V.__index = V
local function vec(x, y) return setmetatable({ x = x, y = y }, V) end
V.__add = function(a, b) return vec(a.x + b.x, a.y + b.y) end
V.__mul = function(a, b)
  if type(a) == 'number' then return vec(a * b.x, a * b.y) end
  if type(b) == 'number' then return b * a end
  return a.x * b.x + a.y * b.y
end
V.__unm = function(a) return -1 * a end
V.__eq = function(a, b) return a.x == b.x and a.y == b.y end
assert(vec(1, 2) + vec(3, 4) == vec(4, 6) and 2 * vec(1, 2) == vec(2, 4) and vec(1, 2) * 2 == vec(2, 4))
assert(vec(1, 2) * vec(3, 4) == 11 and -vec(1, 2) == vec(-1, -2) and -vec(1, 0) + vec(1, 0) == vec(0, 0))

-- compound expressions
local E = {}
local function sym(s) return setmetatable({ s = s }, E) end
local function str(v) return type(v) == 'table' and v.s or tostring(v) end
for n, c in pairs { add = '+', mul = '*', sub = '-', pow = '^' } do
  E['__' .. n] = function(a, b) return sym('(' .. str(a) .. c .. str(b) .. ')') end
end
local x, y = sym 'x', sym 'y'
assert((x + y * 2 - 1 ^ x ^ 2).s == '((x+(y*2))-(1^(x^2)))')

-- no metamethod for this operation
local ok, e = pcall(function() return A * 1 end)
assert(not ok and e:find("attempt to perform arithmetic on a table value (upvalue 'A')", 1, true))
-- error inside
ok, e = pcall(function() return setmetatable({}, { __add = function() error('in add', 0) end }) + 1 end)
assert(not ok and e == 'in add')
