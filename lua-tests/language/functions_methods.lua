-- Function statements, methods, calls without parentheses.

-- function statements on globals, fields, methods
function gf(a) return a end
local M = { sub = { deep = {} } }
function M.f(a) return 'f', a end
function M.sub.g(a) return 'g', a end
function M.sub.deep:m(a) return self, a end
assert(gf(1) == 1 and select(2, M.f(2)) == 2 and select(2, M.sub.g(3)) == 3)
local s, v = M.sub.deep:m(4)
assert(s == M.sub.deep and v == 4)
s, v = M.sub.deep.m('self', 5)
assert(s == 'self' and v == 5)

-- a local function sees itself; an assigned local function does not
local function fact(n) if n <= 1 then return 1 end return n * fact(n - 1) end
assert(fact(10) == 3628800)

-- missing parameters are nil, extra ones dropped
local function p(a, b) return a, b end
local a, b = p(1)
assert(a == 1 and b == nil)
assert(select('#', p(1, 2, 3)) == 2)

-- calls with a string or a table
local function id(...) return ... end
assert(id 'x' == 'x' and id "y" == 'y' and id [[z]] == 'z' and id { 9 }[1] == 9)
local obj = { name = 'o' }
function obj:say(x) return self.name .. x end
assert(obj:say '1' == 'o1' and obj:say [==[2]==] == 'o2')
function obj:tab(t) return #t end
assert(obj:tab { 1, 2, 3 } == 3)

-- chains
local chain = { n = 0 }
function chain:add(k) self.n = self.n + k; return self end
assert(chain:add(1):add(2):add(3).n == 6)
local function curry(x) return function(y) return function(z) return x .. y .. z end end end
assert(curry 'a' 'b' 'c' == 'abc' and curry('1')('2')('3') == '123')

-- methods of strings
assert(('abc'):upper() == 'ABC' and ('x'):rep(3) == 'xxx' and #('q'):rep(4) == 4)
local str = 'hello'
assert(str:sub(2, 3):upper() == 'EL')

-- the object of a method call is evaluated once
local evals = 0
local function make() evals = evals + 1; return obj end
assert(make():say '!' == 'o!' and evals == 1)

-- arguments are evaluated left to right, before the call
local order = {}
local function o(x) order[#order + 1] = x; return x end
o('f') ;(function() order[#order + 1] = 'call' end)(o(1), o(2), o(3))
assert(table.concat(order) == 'f123call')

-- inheritance by hand
local Base = {}
Base.__index = Base
function Base.new(x) return setmetatable({ x = x }, Base) end
function Base:get() return self.x end
local Derived = setmetatable({}, { __index = Base })
Derived.__index = Derived
function Derived.new(x) local t = Base.new(x); return setmetatable(t, Derived) end
function Derived:get() return Base.get(self) * 2 end
assert(Base.new(4):get() == 4 and Derived.new(4):get() == 8)

-- a semicolon separates ambiguous calls
local t = {}
t.f = id
;(t.f)(1)

-- functions are values with identity
local function mk() return function() end end
assert(id == id and mk ~= id and type(mk()) == 'function')
