-- What becomes garbage at once does not make the heap many times as large as what lives in it: a cycle of the collector counts
-- from what lived, and not from all that was made while it swept.
local live = {}
for i = 1, 4000 do live['key ' .. i] = i end
collectgarbage()
local before, most = collectgarbage 'count', 0
for i = 1, 80000 do
  local s = 'text ' .. i
  if i % 100 == 0 then most = math.max(most, collectgarbage 'count') end
end
assert(most < 2.6 * before, most / before)
-- Larger garbage, too.
most = 0
for i = 1, 12000 do
  local t = { i, i + 1, i + 2, name = i }
  if i % 100 == 0 then most = math.max(most, collectgarbage 'count') end
end
assert(most < 2.6 * before, most / before)
