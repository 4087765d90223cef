-- Tables that grow and shrink, with keys of all types; mixed array and hash parts.

local t = {}
for round = 1, 3 do
  for i = 1, 200 do t[i] = i; t['k' .. i] = i; t[i + 0.5] = i end
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  assert(n == 600 and #t == 200)
  for i = 1, 200, 2 do t['k' .. i] = nil end
  for i = 200, 1, -1 do t[i] = nil end
  assert(#t == 0 and t.k2 == 2 and t.k1 == nil and t[1.5] == 1)
  for key in pairs(t) do t[key] = nil end
  assert(next(t) == nil)
end

-- filled backwards, with holes, from both ends
local b = {}
for i = 100, 1, -1 do b[i] = i end
assert(#b == 100)
local sum = 0
for _, v in ipairs(b) do sum = sum + v end
assert(sum == 5050)
local sparse = {}
for i = 0, 20 do sparse[1 << i] = i end
for i = 0, 20 do assert(sparse[1 << i] == i) end
local neg = {}
for i = -50, 50 do neg[i] = i * i end
for i = -50, 50 do assert(neg[i] == i * i) end

-- a queue with moving indices
local q = { first = 1, last = 0 }
local out = 0
for i = 1, 300 do
  q.last = q.last + 1; q[q.last] = i
  if i % 3 ~= 0 then out = out + q[q.first]; q[q.first] = nil; q.first = q.first + 1 end
end
assert(q.last - q.first + 1 == 100 and out == 200 * 201 // 2)

-- tables as keys, deleted in a traversal while new tables are made
local objs = {}
for i = 1, 100 do objs[{ i }] = { i } end
local n = 0
for k, v in pairs(objs) do
  assert(k[1] == v[1])
  objs[k] = nil
  local garbage = { k, v }
  n = n + #garbage
end
assert(n == 200 and next(objs) == nil)

-- same key in and out many times
local x = {}
for i = 1, 500 do x.key = i; x.key = nil; x[i % 7] = i; x[(i + 3) % 7] = nil end
assert(x.key == nil)

-- matrices
local m = {}
for i = 1, 12 do m[i] = {}; for j = 1, 12 do m[i][j] = i * j end end
local trace = 0
for i = 1, 12 do trace = trace + m[i][i] end
assert(trace == 650)

-- insertion sort and removal in the middle
local s = {}
local seed = 12345
for _ = 1, 60 do
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  local v, pos = seed % 1000, 1
  while s[pos] and s[pos] <= v do pos = pos + 1 end
  table.insert(s, pos, v)
end
for i = 2, #s do assert(s[i - 1] <= s[i]) end
while #s > 0 do table.remove(s, (#s + 1) // 2) end
assert(#s == 0 and next(s) == nil)
