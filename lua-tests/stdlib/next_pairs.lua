-- next, pairs, ipairs: traversal while entries change.

local function count(t) local n = 0; for _ in pairs(t) do n = n + 1 end return n end
assert(next {} == nil and select('#', next {}) == 1 and count {} == 0)
local k, v = next { 'one' }
assert(k == 1 and v == 'one' and next({ 'one' }, 1) == nil)

-- every entry exactly once
local t = { 1, 2, 3, a = 4, b = 5, [1.5] = 6, [true] = 7, [-1] = 8 }
local seen, sum = {}, 0
for key, val in pairs(t) do assert(not seen[key]); seen[key] = true; sum = sum + val end
assert(sum == 36 and count(t) == 8)

-- array part comes in order in practice for sequences through ipairs only
local order = {}
for i, x in ipairs { 'x', 'y', nil, 'z' } do order[#order + 1] = i .. x end
assert(table.concat(order) == '1x2y')

-- assigning to existing entries during a traversal
for key in pairs(t) do t[key] = 'changed' end
for _, val in pairs(t) do assert(val == 'changed') end

-- clearing entries during a traversal
for key in pairs(t) do t[key] = nil end
assert(next(t) == nil)
local big = {}
for i = 1, 200 do big[i] = i; big['k' .. i] = i end
local n = 0
for key in pairs(big) do n = n + 1; big[key] = nil end
assert(n == 400 and next(big) == nil)
for i = 1, 100 do big['k' .. i] = i end
n = 0
for key, val in pairs(big) do n = n + 1; if val % 2 == 0 then big[key] = nil end end
assert(n == 100 and count(big) == 50)

-- with a collection in between: dead keys can still be continued from
local objs = {}
for i = 1, 50 do objs[{}] = i end
n = 0
for key in pairs(objs) do
  objs[key] = nil
  n = n + 1
  if n % 10 == 0 then key = nil; collectgarbage() end
end
assert(n == 50 and next(objs) == nil)

-- by hand
local key
n = 0
local hand = { 10, 20, x = 30 }
repeat
  local val
  key, val = next(hand, key)
  if key ~= nil then n = n + val end
until key == nil
assert(n == 60)

-- errors
local ok, e = pcall(next, { a = 1 }, 'nokey')
assert(not ok and e == "invalid key to 'next'")
ok, e = pcall(next, {}, 1)
assert(not ok and e == "invalid key to 'next'")
assert(not pcall(next) and not pcall(next, 5))

-- ipairs stops at the first nil, sees what is appended
local grow = { 1 }
n = 0
for i in ipairs(grow) do n = n + 1; if i < 10 then grow[i + 1] = i end end
assert(n == 10)
for i in ipairs { n = 1, [0] = 0 } do error(i) end
ok, e = pcall(function() for _ in ipairs() do end end)
assert(not ok and e:find("bad argument #1 to 'ipairs'", 1, true))

-- keys: floats and integers are one key
local norm = {}
norm[1] = 'a'; norm[1.0] = 'b'; norm[2 ^ 53] = 'c'
assert(count(norm) == 2 and norm[1] == 'b' and norm[1 << 53] == 'c')
for kk in pairs(norm) do assert(math.type(kk) == 'integer') end
