-- table.sort: orders, comparators, errors.

local function check(t, f)
  f = f or function(a, b) return a < b end
  for i = 2, #t do assert(not f(t[i], t[i - 1])) end
end
for _, n in ipairs { 0, 1, 2, 3, 4, 5, 10, 50, 120 } do
  local up, down, same, mixed = {}, {}, {}, {}
  local x = 7
  for i = 1, n do
    up[i], down[i], same[i] = i, n - i, 5
    x = (x * 1103515245 + 12345) % 2147483648
    mixed[i] = x % 100
  end
  for _, t in ipairs { up, down, same, mixed } do
    local sum = 0
    for i = 1, n do sum = sum + t[i] end
    table.sort(t); check(t)
    table.sort(t, function(a, b) return a > b end); check(t, function(a, b) return a > b end)
    for i = 1, n do sum = sum - t[i] end
    assert(#t == n and sum == 0)
  end
end

-- strings, floats, mixed numbers
local t = { 'banana', 'apple', 'Cherry', 'apples' }
table.sort(t)
assert(table.concat(t, ' ') == 'Cherry apple apples banana')
t = { 3, 1.5, -2, 2 ^ 53, 1 / 0, -1 / 0, 0 }
table.sort(t)
check(t)
assert(t[1] == -1 / 0 and t[7] == 1 / 0)

-- by a field
local people = { { n = 'c', a = 3 }, { n = 'a', a = 1 }, { n = 'b', a = 2 } }
table.sort(people, function(x, y) return x.a < y.a end)
assert(people[1].n .. people[2].n .. people[3].n == 'abc')

-- errors
local function fails(msg, ...)
  local ok, e = pcall(table.sort, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails('attempt to compare', { 1, 'x', 3 })
fails('attempt to compare two table values', { {}, {} })
fails('attempt to compare', { 1, nil == nil })
fails('function expected, got table', { 2, 1 }, {})
fails('table expected, got nil', nil)
fails('invalid order function for sorting', { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, function() return true end)
local ok, e = pcall(table.sort, { 2, 1 }, function() error('in compare', 0) end)
assert(not ok and e == 'in compare')
fails('array too big', setmetatable({}, { __len = function() return math.maxinteger end }))

-- with metamethods
local store = { 3, 1, 2 }
local p = setmetatable({}, { __len = function() return 3 end, __index = store, __newindex = store })
table.sort(p)
assert(table.concat(store, ' ') == '1 2 3' and next(p) == nil)
assert(select('#', table.sort {}) == 0)
assert(select('#', table.sort({ 2, 1 }, nil)) == 0)
