-- table: default arguments, empty and odd ranges, metamethods, results.

local function list(...) return table.concat({ ... }, ',') end

-- concat
assert(table.concat {} == '' and table.concat({}, ',') == '' and table.concat { 1, 'a', 2.5 } == '1a2.5' and table.concat({ 1, 2, 3 }, ', ') == '1, 2, 3')
assert(table.concat({ 1, 2, 3 }, ',', 2) == '2,3' and table.concat({ 1, 2, 3 }, ',', 2, 2) == '2' and table.concat({ 1, 2, 3 }, ',', 3, 2) == '' and table.concat({ 1, 2, 3 }, ',', 4) == '')
assert(table.concat({ [0] = 'z', 'a' }, '-', 0, 1) == 'z-a' and table.concat({ [-1] = 'm' }, '', -1, -1) == 'm' and table.concat({ 1, 2 }, 0) == '102' and table.concat({ 1, 2 }, nil) == '12')
assert(table.concat({ [math.maxinteger] = 'last' }, '', math.maxinteger, math.maxinteger) == 'last' and table.concat({}, 'x', math.maxinteger, math.mininteger) == '')
assert(table.concat(setmetatable({}, { __len = function() return 3 end, __index = function(_, i) return 'i' .. i end }), ' ') == 'i1 i2 i3')

-- insert: at the end, in the middle, into an empty table; no results
local t = {}
assert(select('#', table.insert(t, 'a')) == 0)
table.insert(t, 1, 'b')
table.insert(t, 3, 'c')
table.insert(t, 2, 'd')
table.insert(t, #t + 1, 'e')
assert(list(table.unpack(t)) == 'b,d,a,c,e')
table.insert(t, '1', 'f')
table.insert(t, 2.0, 'g')
assert(list(table.unpack(t)) == 'f,g,b,d,a,c,e')
t = setmetatable({}, { __len = function() return 5 end })
table.insert(t, 'sixth')
assert(t[6] == 'sixth' and rawlen(t) == 0)
table.insert(t, nil)
assert(t[6] == nil)

-- remove: the end, a position, what an empty table gives
t = { 'a', 'b', 'c', 'd' }
assert(table.remove(t) == 'd' and table.remove(t, 1) == 'a' and table.remove(t, 2) == 'c' and #t == 1 and table.remove(t, #t + 1) == nil and table.remove(t) == 'b' and #t == 0)
assert(table.remove(t) == nil and table.remove(t, 0) == nil and table.remove(t, #t) == nil and select('#', table.remove {}) == 1)
assert(table.remove({ [0] = 'zero' }, 0) == 'zero' and table.remove({ 'x' }, 2) == nil and table.remove({ 'x', [2] = 'y', n = 1 }, '2') == 'y')
t = { 1, 2, 3 }
t[4] = 'over'
assert(table.remove(t, 4) == 'over' and #t == 3)
t = setmetatable({}, { __len = function() return 2 end, __index = function(_, k) return k * 10 end })
assert(table.remove(t, 1) == 10 and rawget(t, 1) == 20 and rawget(t, 2) == nil)

-- move: overlapping both ways, another table, empty ranges, its result
t = { 1, 2, 3, 4, 5 }
assert(table.move(t, 1, 3, 2) == t and list(table.unpack(t)) == '1,1,2,3,5' and table.move(t, 2, 5, 1) == t and list(table.unpack(t)) == '1,2,3,5,5')
local other = {}
assert(table.move(t, 1, 2, 5, other) == other and other[5] == 1 and other[6] == 2 and table.move(t, 3, 2, 1, other) == other and table.move({}, 1, 0, 1) ~= nil)
assert(table.move({ 1, 2, 3 }, 2, 3, 1)[1] == 2 and #table.move({ 1, 2, 3 }, 1, 3, 1) == 3 and table.move({ 7 }, 1, 1, -5)[-5] == 7 and table.move({ [math.maxinteger] = 8 }, math.maxinteger, math.maxinteger, 1)[1] == 8)
assert(table.move({ [math.mininteger] = 9 }, math.mininteger, math.mininteger, math.maxinteger)[math.maxinteger] == 9 and table.move({ 1 }, 1, 1, 1, nil)[1] == 1)
local log = {}
local proxy = setmetatable({}, { __index = function(_, k) log[#log + 1] = 'r' .. k return k end, __newindex = function(_, k, v) log[#log + 1] = 'w' .. k .. '=' .. v end })
table.move(proxy, 1, 3, 2)
assert(table.concat(log, ' ') == 'r3 w4=3 r2 w3=2 r1 w2=1')
log = {}
table.move(proxy, 2, 3, 1)
assert(table.concat(log, ' ') == 'r2 w1=2 r3 w2=3')

-- pack and unpack
t = table.pack()
assert(t.n == 0 and #t == 0 and next(t) == 'n')
t = table.pack(nil, nil)
assert(t.n == 2 and t[1] == nil and table.pack(1, nil, 3).n == 3 and table.pack(1, nil, 3)[3] == 3)
assert(select('#', table.unpack {}) == 0 and select('#', table.unpack({}, 1, 3)) == 3 and select('#', table.unpack({ 1, 2 }, 2)) == 1 and select('#', table.unpack({ 1, 2 }, 3)) == 0 and select('#', table.unpack({ 1 }, 0)) == 2)
assert(list(table.unpack({ 1, 2, 3 }, -1 + 2, 2)) == '1,2' and select('#', table.unpack({}, -1, 1)) == 3 and select('#', table.unpack({}, 2, 1)) == 0 and select('#', table.unpack({}, math.maxinteger, math.mininteger)) == 0)
assert(table.unpack({ [math.maxinteger] = 'm' }, math.maxinteger, math.maxinteger) == 'm' and select('#', table.unpack({}, math.maxinteger - 1, math.maxinteger)) == 2 and select('#', table.unpack({}, math.mininteger, math.mininteger + 1)) == 2)
assert(table.unpack 'abc' == nil and select('#', table.unpack 'abc') == 3 and list(table.unpack(setmetatable({}, { __index = function(_, k) return k end, __len = function() return 3 end }))) == '1,2,3')
assert(table.unpack({ 1, 2 }, '1', '2') == 1 and table.unpack({ 1, 2 }, nil, nil) == 1)

-- sort: empty, one, equal, sorted, reversed; an order of our own; metamethods
local function sorted(t, f) assert(select('#', table.sort(t, f)) == 0) return table.concat(t, ',') end
assert(sorted {} == '' and sorted { 1 } == '1' and sorted { 2, 1 } == '1,2' and sorted { 3, 1, 2 } == '1,2,3' and sorted { 5, 5, 5, 5 } == '5,5,5,5' and sorted { 1, 2, 3, 4, 5 } == '1,2,3,4,5')
assert(sorted({ 3, 1, 2 }, function(a, b) return a > b end) == '3,2,1' and sorted { 'b', 'a', 'B', '' } == ',B,a,b' and sorted { 1.5, 1, 2, -1, 0.5 } == '-1,0.5,1,1.5,2' and sorted({ 2, 1 }, nil) == '1,2')
local big = {}
for i = 1, 200 do big[i] = i * 7919 % 211 end
table.sort(big)
for i = 2, 200 do assert(big[i - 1] <= big[i]) end
table.sort(big, function(a, b) return a > b end)
for i = 2, 200 do assert(big[i - 1] >= big[i]) end
local boxes = setmetatable({}, { __lt = function(a, b) return a.v < b.v end })
local function box(v) return setmetatable({ v = v }, getmetatable(boxes)) end
t = { box(3), box(1), box(2) }
table.sort(t)
assert(t[1].v == 1 and t[2].v == 2 and t[3].v == 3)
local store = { 3, 1, 2 }
local through = setmetatable({}, { __len = function() return #store end, __index = store, __newindex = store })
table.sort(through)
assert(list(table.unpack(store)) == '1,2,3' and next(through) == nil)
