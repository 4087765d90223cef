-- Table functions and traversals on so many elements that others get their turn in between.
local n = 5000
local function list() local t = {} for i = 1, n do t[i] = i end return t end
local function check(t, first, last, delta)
  for i = first, last do assert(t[i] == i + delta, i) end
end
-- insert and remove, at both ends and in the middle
local t = list()
table.insert(t, 1, 0)
assert(#t == n + 1)
check(t, 1, n + 1, -1)
table.insert(t, n // 2, 'middle')
assert(t[n // 2] == 'middle' and #t == n + 2)
check(t, 1, n // 2 - 1, -1)
check(t, n // 2 + 1, n + 2, -2)
assert(table.remove(t, n // 2) == 'middle' and #t == n + 1)
assert(table.remove(t, 1) == 0 and #t == n)
check(t, 1, n, 0)
-- elements of which some are in the hash part
local h = {}
for i = n, 1, -1 do h[i] = i end
h[0] = 'zero'
table.insert(h, 1, 0)
check(h, 1, n + 1, -1)
assert(table.remove(h, 1) == 0 and h[n + 1] == nil and h[0] == 'zero')
check(h, 1, n, 0)
-- move, forwards and backwards, within a table and to another, to keys below 1
t = list()
table.move(t, 1, n, 2)
assert(t[1] == 1)
check(t, 2, n + 1, -1)
table.move(t, 2, n + 1, 1)
check(t, 1, n, 0)
local into = table.move(t, 1, n, -5, {})
check(into, -5, n - 6, 6)
into = table.move(into, -5, n - 6, 1)
check(into, 1, n, 0)
into = table.move(t, 1, n, 100, { 'kept' })
assert(into[1] == 'kept')
check(into, 100, n + 99, -99)
-- proxies: the same through metamethods
local function proxy(t)
  return setmetatable({}, {
    __index = function(_, k) return t[k] end,
    __newindex = function(_, k, v) t[k] = v end,
    __len = function() return #t end,
  })
end
local p = proxy(list())
table.insert(p, 1, 0)
assert(#p == n + 1 and p[1] == 0 and p[n + 1] == n)
assert(table.remove(p, 1) == 0 and #p == n and p[n] == n)
assert(table.concat(p, ',') == table.concat(list(), ','))
assert(select('#', table.unpack(p)) == n and select(n, table.unpack(p)) == n)
-- only a length: no function is called for the elements
local lengthy = setmetatable(list(), { __len = function() return n end })
table.insert(lengthy, 1, 0)
check(lengthy, 1, n + 1, -1)
assert(table.remove(lengthy, 1) == 0)
assert(#table.concat(lengthy, ' ', 1, n - 1) > n)
-- pack, unpack, select
local packed = table.pack(table.unpack(list()))
assert(packed.n == n)
check(packed, 1, n, 0)
assert(select('#', table.unpack(list(), -5, n)) == n + 6)
assert(select(-1, table.unpack(list())) == n)
check({ table.unpack(list()) }, 1, n, 0)
check({ select(2, 0, table.unpack(list(), 2)) }, 1, n - 1, 1)
local ok, message = pcall(table.unpack, {}, 1, 1 << 24)
assert(not ok and message:find('too many results to unpack', 1, true))
-- concat: long separators, numbers, and what cannot be joined
t = list()
local s = table.concat(t, ', ')
local count = select(2, s:gsub(', ', ''))
assert(count == n - 1 and s:sub(1, 7) == '1, 2, 3' and s:sub(-#tostring(n)) == tostring(n))
assert(#table.concat({ 1, 2, 3 }, ('-'):rep(100000)) == 200003)
t[n - 1] = {}
ok, message = pcall(table.concat, t)
assert(not ok and message:find(("invalid value (table) at index %d in table for 'concat'"):format(n - 1), 1, true), message)
-- sort, without and with a comparison
local shuffled = {}
for i = 1, n do shuffled[i] = i * 7919 % n + 1 end
table.sort(shuffled)
check(shuffled, 1, n, 0)
for i = 1, n do shuffled[i] = ('%06d'):format(i * 7919 % n + 1) end
table.sort(shuffled)
for i = 1, n do assert(shuffled[i] + 0 == i) end
table.sort(shuffled, function(x, y) return x > y end)
for i = 1, n do assert(shuffled[i] + 0 == n + 1 - i) end
p = proxy(shuffled)
table.sort(p)
for i = 1, n do assert(shuffled[i] + 0 == i) end
-- next over places that are empty
local sparse = {}
for i = 1, n do sparse['k' .. i] = i end
for i = 1, n do if i % 1250 ~= 0 then sparse['k' .. i] = nil end end
local left = {}
for k, v in pairs(sparse) do left[#left + 1] = v end
table.sort(left)
assert(#left == 4 and left[1] == 1250 and left[4] == 5000)
local k, steps = nil, 0
repeat
  k = next(sparse, k)
  steps = steps + 1
until k == nil
assert(steps == 5)
for k in pairs(sparse) do sparse[k] = nil end
assert(next(sparse) == nil)
local array = list()
for i = 1, n - 1 do array[i] = nil end
assert(next(array) == n and next(array, n) == nil)
-- keys that are collected while a traversal holds them
local objects = {}
for i = 1, 1000 do objects[{}] = i end
local seen = 0
for key in pairs(objects) do
  objects[key] = nil
  seen = seen + 1
  if seen % 100 == 0 then collectgarbage() end
end
assert(seen == 1000)
ok, message = pcall(next, { x = 1 }, {})
assert(not ok and message:find("invalid key to 'next'", 1, true), message)
-- many values
local function count_of(...) return select('#', ...) end
assert(count_of(table.unpack(list())) == n)
assert(math.max(table.unpack(list())) == n and math.min(table.unpack(list())) == 1)
local co = coroutine.wrap(function(...)
  local got = table.pack(...)
  while true do got = table.pack(coroutine.yield(table.unpack(got, 1, got.n))) end
end)
assert(select('#', co(table.unpack(list()))) == n and select('#', co()) == 0)
assert(select('#', pcall(table.unpack, list())) == n + 1)
assert(select(2, xpcall(count_of, print, table.unpack(list()))) == n)
-- a chain of __call: the called values come first
local last = setmetatable({}, { __call = function(...) return ... end })
local middle = setmetatable({}, { __call = last })
local first = setmetatable({}, { __call = middle })
local a, b, c, d = first('x')
assert(a == last and b == middle and c == first and d == 'x')
assert(select('#', first(table.unpack(list()))) == n + 3)
local bad = setmetatable({}, { __call = 1 })
ok, message = pcall(function() local f = setmetatable({}, { __call = bad }) return f() end)
assert(not ok)
