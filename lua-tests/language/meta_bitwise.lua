-- Bitwise metamethods.

local mt = {}
for _, n in ipairs { 'band', 'bor', 'bxor', 'shl', 'shr', 'bnot' } do
  mt['__' .. n] = function(a, b) return { n, a, b } end
end
local o = setmetatable({}, mt)
local function check(r, name, a, b)
  assert(r[1] == name and rawequal(r[2], a) and rawequal(r[3], b), name)
end
check(o & 1, 'band', o, 1); check(1 & o, 'band', 1, o); check(o & o, 'band', o, o)
check(o | 2, 'bor', o, 2); check(2 | o, 'bor', 2, o)
check(o ~ 3, 'bxor', o, 3); check(3 ~ o, 'bxor', 3, o)
check(o << 4, 'shl', o, 4); check(4 << o, 'shl', 4, o)
check(o >> 5, 'shr', o, 5); check(5 >> o, 'shr', 5, o)
check(~o, 'bnot', o, o)

-- operands that are no integers get here, too
check(o & 1.5, 'band', o, 1.5); check(1.5 | o, 'bor', 1.5, o)
check(o << 'x', 'shl', o, 'x'); check({} ~= nil and nil ~ o, 'bxor', nil, o)

-- constants on either side
local k = 0xFF
check(k & o, 'band', 255, o); check(o | k, 'bor', o, 255); check(k >> o, 'shr', 255, o)

-- a set of small integers
local Set = {}
local function set(...)
  local s = setmetatable({}, Set)
  for _, v in ipairs { ... } do s[v] = true end
  return s
end
Set.__bor = function(a, b) local r = set(); for v in pairs(a) do r[v] = true end for v in pairs(b) do r[v] = true end return r end
Set.__band = function(a, b) local r = set(); for v in pairs(a) do r[v] = b[v] end return r end
Set.__bxor = function(a, b)
  local r = set()
  for v in pairs(a) do if not b[v] then r[v] = true end end
  for v in pairs(b) do if not a[v] then r[v] = true end end
  return r
end
Set.__bnot = function(a) local r = set(); for i = 1, 5 do if not a[i] then r[i] = true end end return r end
Set.__shl = function(a, n) local r = set(); for v in pairs(a) do r[v + n] = true end return r end
Set.__tostring = function(a)
  local l = {}
  for v in pairs(a) do l[#l + 1] = v end
  table.sort(l)
  return '{' .. table.concat(l, ',') .. '}'
end
local a, b = set(1, 2, 3), set(3, 4)
assert(tostring(a | b) == '{1,2,3,4}' and tostring(a & b) == '{3}' and tostring(a ~ b) == '{1,2,4}')
assert(tostring(~a) == '{4,5}' and tostring(a << 2) == '{3,4,5}' and tostring(~(a | b)) == '{5}')
assert(tostring(a & b | set(5)) == '{3,5}')

-- through the metatable of strings
local smt = getmetatable('')
smt.__band = function(x, y) return (tonumber(x) or 0) & (tonumber(y) or 0) end
assert('7' & 3 == 3 and 6 & '3' == 2 and '12' & '10' == 8)
smt.__band = nil
assert(not pcall(function() return '7' & 3 end))

-- no metamethod
local ok, e = pcall(function() return a >> 1 end)
assert(not ok and e:find("attempt to perform bitwise operation on a table value (upvalue 'a')", 1, true))
