-- table.insert and table.remove: positions and errors.

local function s(t) return table.concat(t, ',') end
local t = {}
table.insert(t, 'a'); table.insert(t, 'c'); table.insert(t, 2, 'b'); table.insert(t, 1, '0'); table.insert(t, 5, 'd')
assert(s(t) == '0,a,b,c,d' and select('#', table.insert(t, 'e')) == 0)
assert(table.remove(t) == 'e' and table.remove(t, 1) == '0' and table.remove(t, 2) == 'b' and s(t) == 'a,c,d')
assert(table.remove(t, 4) == nil and table.remove(t, 3) == 'd' and s(t) == 'a,c')

-- the empty table
assert(table.remove {} == nil and table.remove({}, 0) == nil and table.remove({}, 1) == nil)
local z = { [0] = 'zero' }
assert(table.remove(z, 0) == 'zero' and z[0] == nil)
assert(select('#', table.remove {}) == 1)

-- errors
local function fails(msg, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails("bad argument #2 to 'table.insert' (position out of bounds)", table.insert, { 1, 2 }, 4, 'x')
fails("bad argument #2 to 'table.insert' (position out of bounds)", table.insert, { 1, 2 }, 0, 'x')
fails("bad argument #2 to 'table.insert' (position out of bounds)", table.insert, { 1, 2 }, -1, 'x')
fails("wrong number of arguments to 'insert'", table.insert, { 1 })
fails("wrong number of arguments to 'insert'", table.insert, { 1 }, 1, 2, 3)
fails('table expected, got nil', table.insert, nil, 1)
fails('table expected, got no value', table.insert)
fails('number expected, got string', table.insert, {}, 'x', 1)
fails('number has no integer representation', table.insert, {}, 1.5, 1)
fails("bad argument #2 to 'table.remove' (position out of bounds)", table.remove, { 1, 2 }, 4)
fails("bad argument #2 to 'table.remove' (position out of bounds)", table.remove, { 1, 2 }, 0)
fails("bad argument #2 to 'table.remove' (position out of bounds)", table.remove, {}, 2)
fails('table expected, got string', table.remove, 'x')

-- a nil value
local n = { 1, 2 }
table.insert(n, 1, nil)
assert(n[1] == nil and n[2] == 1 and n[3] == 2)

-- queue and stack
local q = {}
for i = 1, 20 do table.insert(q, i) end
local sum = 0
while #q > 0 do sum = sum + table.remove(q, 1); if #q > 0 then sum = sum - table.remove(q) end end
assert(sum == -100, sum)
for i = 1, 10 do table.insert(q, 1, i) end
assert(s(q) == '10,9,8,7,6,5,4,3,2,1')

-- with metamethods
local log = {}
local p = setmetatable({}, {
  __len = function() return 3 end,
  __index = function(_, k) log[#log + 1] = 'r' .. k; return k * 10 end,
  __newindex = function(_, k, v) log[#log + 1] = 'w' .. k .. '=' .. tostring(v) end,
})
table.insert(p, 2, 'new')
assert(table.concat(log, ' ') == 'r3 w4=30 r2 w3=20 w2=new')
log = {}
assert(table.remove(p, 2) == 20)
assert(table.concat(log, ' ') == 'r2 r3 w2=30 w3=nil', table.concat(log, ' '))

-- remove: nil is no position, but the default
local q = { 1, 2, 3 }
assert(table.remove(q, nil) == 3 and #q == 2 and table.remove(q, nil) == 2 and table.remove(q) == 1)
assert(table.remove(q, nil) == nil and select('#', table.remove(q, nil)) == 1)
log = {}
assert(table.remove(p, nil) == 30 and table.concat(log, ' ') == 'r3 w3=nil')
assert(not pcall(table.remove, q, false) and not pcall(table.remove, q, 'x'))
