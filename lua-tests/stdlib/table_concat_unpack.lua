-- table.concat, table.unpack, table.pack.

local c = table.concat
assert(c {} == '' and c { 'a' } == 'a' and c({ 'a', 'b', 'c' }) == 'abc' and c({ 'a', 'b' }, ', ') == 'a, b' and c({ 1, 2.5, 'x' }, '-') == '1-2.5-x')
local t = { 'a', 'b', 'c', 'd' }
assert(c(t, ',', 2) == 'b,c,d' and c(t, ',', 2, 3) == 'b,c' and c(t, ',', 3, 2) == '' and c(t, ',', 4, 4) == 'd' and c(t, '', 1, 0) == '')
assert(c({ [-1] = 'x', [0] = 'y', 'z' }, '.', -1, 1) == 'x.y.z' and c({ [math.maxinteger] = 'max' }, '', math.maxinteger, math.maxinteger) == 'max')
assert(c({ [5] = 'five' }, 'sep', 5, 5) == 'five' and c(t, 5) == 'a5b5c5d' and c({ 'a\0', 'b' }, '\0') == 'a\0\0b')

local function fails(msg, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails("invalid value (table) at index 2 in table for 'concat'", c, { 'a', {}, 'c' })
fails("invalid value (boolean) at index 1 in table for 'concat'", c, { true })
fails("invalid value (nil) at index 3 in table for 'concat'", c, { 1, 2 }, ',', 1, 3)
fails("invalid value (nil) at index 2 in table for 'concat'", c, { 1, nil, 3 }, ',', 1, 3)
fails('table expected, got nil', c, nil)
fails('string expected, got table', c, {}, {})

-- unpack
local u = table.unpack
local function n(...) return select('#', ...) end
assert(n(u {}) == 0 and n(u { 1, 2, 3 }) == 3 and n(u({ 1, 2, 3 }, 2)) == 2 and n(u({ 1, 2, 3 }, 2, 2)) == 1 and n(u({}, 1, 5)) == 5)
assert(n(u({ 1 }, 2)) == 0 and n(u({ 1, 2 }, 3, 1)) == 0 and n(u({}, 0, 0)) == 1 and n(u({}, -2, 2)) == 5)
local a, b, d = u({ 'x', 'y', 'z' }, -1, 1)
assert(a == nil and b == nil and d == 'x')
assert(n(u({}, math.maxinteger, math.maxinteger)) == 1 and n(u({}, math.mininteger, math.mininteger + 1)) == 2 and n(u({}, math.maxinteger, 0)) == 0)
fails('too many results to unpack', u, {}, 1, 1e8)
fails('too many results to unpack', u, {}, 0, math.maxinteger)
fails('too many results to unpack', u, {}, math.mininteger, math.maxinteger)
fails('number has no integer representation', u, {}, 1.5)
assert(u({ 1, 2 }, '2') == 2 and u({ 1, 2 }, 2.0) == 2)

-- pack
local p = table.pack(1, nil, 3, nil)
assert(p.n == 4 and p[1] == 1 and p[2] == nil and p[3] == 3 and n(u(p, 1, p.n)) == 4)
assert(table.pack().n == 0 and next(table.pack()) == 'n')

-- with metamethods
local m = setmetatable({}, { __len = function() return 3 end, __index = function(_, k) return 'i' .. k end })
assert(c(m, ' ') == 'i1 i2 i3' and n(u(m)) == 3 and select(3, u(m)) == 'i3')
-- strings have no table access
assert(not pcall(c, 'abc'))
