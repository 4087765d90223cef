-- test: processes
-- A spawn of something large takes it as it is, in steps: large tables, many objects, weak tables, keys that were taken away.
local c = require 'concurrent'
local root = c.self()
local N = 1000
local list, map, weak, gone, keys = {}, {}, setmetatable({}, { __mode = 'v' }), {}, {}
for i = 1, 6 * N do list[i] = i end
for i = 1, N do
  map['name ' .. i] = { i }
  weak[i] = map['name ' .. i]
  gone['gone ' .. i], gone[{}] = i, i
  keys[map['name ' .. i]] = i
end
weak.lost = {}
for k in next, gone do gone[k] = nil end
gone.stays = true

local function body(a, ...)
  local sum, n = 0, 0
  for i = 1, #list do sum = sum + list[i] end
  for _, v in next, map do n = n + v[1] end
  for i = 1, N do
    local t = map['name ' .. i]
    assert(weak[i] == t and keys[t] == i)
  end
  local left = 0
  for k in next, gone do
    left = left + 1
    assert(k == 'stays')
  end
  for i = 1, 100 do gone['gone ' .. i] = i end
  assert(gone['gone 7'] == 7)
  c.send(root, { sum = sum, n = n, left = left, a = a == list, count = select('#', ...) })
end
for _, how in ipairs { 'spawn', 'spawnlink', 'spawnmonitor' } do
  c[how](body, list, nil, 1, nil)
  local m = c.receive(nil, { left = 1 })
  assert(m.sum == 3 * N * (6 * N + 1) and m.n == N * (N + 1) // 2 and m.a and m.count == 3)
end
