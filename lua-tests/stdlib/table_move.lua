-- table.move: overlaps, other tables, metamethods, limits.

local function s(t, n) local r = {}; for i = 1, n or #t do r[i] = tostring(t[i]) end return table.concat(r, ',') end
local t = { 1, 2, 3, 4, 5 }
assert(table.move(t, 2, 4, 1) == t and s(t) == '2,3,4,4,5')
t = { 1, 2, 3, 4, 5 }
table.move(t, 1, 3, 2)
assert(s(t) == '1,1,2,3,5')
t = { 1, 2, 3 }
table.move(t, 1, 3, 3)
assert(s(t) == '1,2,1,2,3')
table.move(t, 1, 5, 1)
assert(s(t) == '1,2,1,2,3')

-- empty ranges
assert(s(table.move({ 1, 2 }, 1, 0, 5)) == '1,2' and s(table.move({ 1, 2 }, 2, 1, 1)) == '1,2' and s(table.move({}, math.maxinteger, math.mininteger, 1)) == '')

-- to another table
local a = {}
assert(table.move({ 1, 2, 3 }, 1, 3, 1, a) == a and s(a) == '1,2,3')
table.move({ 'x', nil, 'z' }, 1, 3, 2, a)
assert(s(a, 4) == '1,x,nil,z')
assert(s(table.move({ 1, 2, 3 }, 2, 3, 1, {})) == '2,3')

-- negative and huge indices
local n = table.move({ [-2] = 'a', [-1] = 'b', [0] = 'c' }, -2, 0, 1)
assert(s(n) == 'a,b,c')
local h = table.move({ [math.maxinteger - 1] = 'p', [math.maxinteger] = 'q' }, math.maxinteger - 1, math.maxinteger, 1)
assert(h[1] == 'p' and h[2] == 'q')
h = table.move({ 'p', 'q' }, 1, 2, math.maxinteger - 1, {})
assert(h[math.maxinteger] == 'q' and h[math.maxinteger - 1] == 'p')
h = table.move({ [math.mininteger] = 'm' }, math.mininteger, math.mininteger, math.maxinteger, {})
assert(h[math.maxinteger] == 'm')

-- errors
local function fails(msg, ...)
  local ok, e = pcall(table.move, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails('too many elements to move', {}, 0, math.maxinteger, 1)
fails('too many elements to move', {}, -1, math.maxinteger, 1)
fails('destination wrap around', {}, 1, 2, math.maxinteger)
fails('destination wrap around', {}, 1, math.maxinteger, 2)
fails('table expected, got number', 5, 1, 2, 3)
fails('table expected, got string', {}, 1, 2, 3, 'x')
fails('number expected, got no value', {}, 1, 2)

-- metamethods: order of reads and writes
local function traced(len)
  local log = {}
  return setmetatable({}, {
    __index = function(_, k) log[#log + 1] = 'r' .. k; return k end,
    __newindex = function(_, k, v) log[#log + 1] = 'w' .. k .. '=' .. v end,
  }), log
end
local p, log = traced()
table.move(p, 1, 3, 2)
assert(table.concat(log, ' ') == 'r3 w4=3 r2 w3=2 r1 w2=1')
p, log = traced()
table.move(p, 2, 3, 1)
assert(table.concat(log, ' ') == 'r2 w1=2 r3 w2=3')
p, log = traced()
table.move({ 'x', 'y' }, 1, 2, 5, p)
assert(table.concat(log, ' ') == 'w5=x w6=y')
