-- Tables that a constructor makes: their fields have places before they have values, and what they are made of goes on as in
-- any other table.

local function keys(t)
  local all = {}
  for k in pairs(t) do all[#all + 1] = tostring(k) end
  table.sort(all)
  return table.concat(all, ' ')
end

-- A field that is nil is none, whatever comes first.
local function make(a, b, c) return { a = a, b = b, c = c } end
assert(keys(make(1, 2, 3)) == 'a b c' and keys(make(nil, 2)) == 'b' and keys(make()) == '' and next(make()) == nil)
local t = make(nil, 2)
t.d, t.e, t.f, t.a = 4, 5, 6, 1
assert(keys(t) == 'a b d e f' and t.a == 1 and t.c == nil)
-- The last of two of a name holds; values may be the table that was made just before, and functions of the constructor.
assert(({ a = 1, a = 2 }).a == 2 and ({ a = 1, a = nil }).a == nil)
local nested = { name = 'n', inner = { name = 'i', inner = { name = 'ii' } }, f = function() return { name = 'f' } end, last = true }
assert(nested.inner.inner.name == 'ii' and nested.f().name == 'f' and nested.last and keys(nested) == 'f inner last name')
-- What follows a constructor is no part of it.
local u = { x = 1, y = 2, z = 3 }
if nested.nothing then u.w = 4 end
u.v = 5
assert(keys(u) == 'v x y z')
-- Values that may be left out, and those that call.
local function nothing() end
for i = 1, 3 do
  local v = { a = i > 1 and i or nil, b = i > 2 or nil, c = nothing(), d = select('#', nothing()) }
  assert(keys(v) == (i == 1 and 'd' or i == 2 and 'a d' or 'a b d') and v.d == 0)
end

-- A metatable by constructor, and one whose events come later.
local meta = { __index = function(_, k) return k .. '!' end, __newindex = nil }
local object = setmetatable({ own = 1 }, meta)
assert(object.own == 1 and object.other == 'other!')
object.own = nil
assert(object.own == 'own!')
meta.__newindex = function(o, k, v) rawset(o, k, v * 2) end
object.own = 4
assert(object.own == 8)
local late = { __index = nil }
object = setmetatable({ x = nil }, late)
assert(object.x == nil)
late.__index = { x = 'inherited' }
assert(object.x == 'inherited')

-- More than fits into a block, arrays that grow out of it and shrink, both parts.
local many = { a=1, b=2, c=3, d=4, e=5, f=6, g=7, h=8, i=9, j=10, k=11, l=12, m=13, n=14, o=15, p=16, q=17, r=18 }
assert(keys(many) == 'a b c d e f g h i j k l m n o p q r')
for n = 0, 70 do
  local list = load('return {' .. ('7,'):rep(n) .. '}')()
  assert(#list == n)
  for i = n + 1, n + 40 do list[i] = i end
  assert(#list == n + 40 and (n == 0 or list[n] == 7) and list[n + 40] == n + 40)
  for i = #list, 1, -1 do list[i] = nil end
  assert(next(list) == nil)
  list.x = 1
  assert(next(list) == 'x')
end
local both = { 1, 2, 3, x = 4, 5 }
both[5], both.y = 6, 7
assert(#both == 5 and both[4] == 5 and both.x == 4 and both.y == 7)

-- In one go many of them, so that collections see them at all stages; some hold others, some are left.
local kept = {}
for i = 1, 20000 do
  local v = { n = i, text = 'number ' .. i, before = kept[#kept], list = { i, { i } } }
  if i % 100 == 0 then
    v.before = nil
    kept[#kept + 1] = v
    v.more, v.and_more = {}, i
  end
end
for i, v in ipairs(kept) do assert(v.n == i * 100 and v.text == 'number ' .. v.n and v.list[2][1] == v.n and v.and_more == v.n) end
collectgarbage()

-- Code that is not of a file: its names are no atoms, and go with it.
local made = load("return { strange_name_1 = 1, strange_name_2 = nil, strange_name_3 = 3 }")()
collectgarbage()
made.strange_name_2 = 2
assert(keys(made) == 'strange_name_1 strange_name_2 strange_name_3')
local built = load('return { strange_name_1 = ..., strange_name_4 = collectgarbage(), strange_name_5 = 5 }')(1)
assert(built.strange_name_1 == 1 and built.strange_name_4 == 0 and built.strange_name_5 == 5)
