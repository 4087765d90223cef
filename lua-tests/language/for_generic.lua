-- Generic for: iterators, state, control, values.

-- stateless iterator
local function iter(s, i) i = i + 1; if i <= s then return i, i * i end end
local t = {}
for i, sq in iter, 4, 0 do t[#t + 1] = i .. '=' .. sq end
assert(table.concat(t, ' ') == '1=1 2=4 3=9 4=16')

-- closure as iterator
local function range(n)
  local i = 0
  return function() i = i + 1; if i <= n then return i end end
end
local sum = 0
for i in range(5) do sum = sum + i end
assert(sum == 15)

-- false as first value does not end the loop, nil does
local vals = { false, false, nil }
local k = 0
local turns = 0
for v in function() k = k + 1; return vals[k] end do turns = turns + 1; assert(v == false) end
assert(turns == 2)

-- the control variable is a copy
local seen = {}
for i in iter, 3, 0 do seen[#seen + 1] = i; i = 100 end
assert(table.concat(seen) == '123')

-- missing values are nil, extra ones are dropped
for a, b, c in function(_, x) if not x then return 1, 2 end end do
  assert(a == 1 and b == 2 and c == nil)
end

-- callable tables as iterators
local obj = setmetatable({}, { __call = function(self, s, c)
  c = (c or 0) + 1
  if c <= s then return c end
end })
local n = 0
for i in obj, 3 do n = n + i end
assert(n == 6)

-- the explist is evaluated once and adjusted to four values
local evals = 0
local function explist() evals = evals + 1; return iter, 2, 0, nil, 'extra' end
for _ in explist() do end
assert(evals == 1)

-- next as an explicit iterator
local keys = 0
for key, value in next, { a = 1, b = 2 } do keys = keys + value; assert(type(key) == 'string') end
assert(keys == 3)

-- a fresh variable in each turn
local fs = {}
for i, v in ipairs { 'a', 'b', 'c' } do fs[i] = function() return v end end
assert(fs[1]() .. fs[2]() .. fs[3]() == 'abc')

-- return from within a loop
local function find(list, x)
  for i, v in ipairs(list) do if v == x then return i end end
  return nil
end
assert(find({ 5, 6, 7 }, 6) == 2 and find({}, 1) == nil)

-- errors
local ok, e = pcall(function() for _ in nil do end end)
assert(not ok and e:find('attempt to call a nil value', 1, true))
ok, e = pcall(function() for _ in 5 do end end)
assert(not ok and e:find('attempt to call a number value', 1, true))
ok, e = pcall(function() for _ in function() error('inside', 0) end do end end)
assert(not ok and e == 'inside')
