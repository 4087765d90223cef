-- test: processes
-- A generic for over pairs, in mid-table, with keys of every type: each key comes once, and fields may be cleared meanwhile.
local c = require 'concurrent'
local function f() end
local co = coroutine.create(f)
for round = 1, 2 do
  local key = {}
  local t = { 'a', 'b', 'c', nil, 'e' }
  for i = 10, 30 do t[i] = i end
  for i = 1, 20 do t['k' .. i] = i t[i + 0.5] = i end
  for _, k in ipairs { true, false, key, f, print, co, c.self(), math.mininteger, math.maxinteger, 2 ^ 60 + 0.0, -0.5, 1 / 0,
    '', ('long'):rep(20), io.stdout, setmetatable({}, {}) } do
    t[k] = 'kind'
  end
  local all = 0
  for _ in next, t do all = all + 1 end
  local seen, n = {}, 0
  for k, v in pairs(t) do
    assert(not seen[k] and t[k] == v)
    seen[k], n = true, n + 1
    if n % 3 == 0 then t[k] = nil end
  end
  assert(n == all)
  local left = 0
  for _ in pairs(t) do left = left + 1 end
  assert(left == all - all // 3)
end
