-- Suspended coroutines keep their place: in loops, in pcall, in a native, with values under way both ways.
local function walk(n)
  local sum = 0
  for i = 1, n do
    local got = coroutine.yield(i, sum)
    sum = sum + got
  end
  return 'over', sum
end
local co, safe = coroutine.create(walk), coroutine.create(function()
  local ok, why = pcall(function()
    coroutine.yield 'in pcall'
    error 'after'
  end)
  coroutine.yield(ok, why)
  local t = { 3, 1, 2 }
  table.sort(t, function(a, b) return a < b end)
  return table.concat(t)
end)
local ok, i, sum = coroutine.resume(co, 30)
for n = 1, 29 do
  assert(ok and i == n and sum == (n - 1) * n)
  ok, i, sum = coroutine.resume(co, 2 * n)
end
assert(coroutine.status(co) == 'suspended' and i == 30)
ok, i, sum = coroutine.resume(co, 60)
assert(i == 'over' and sum == 930 and coroutine.status(co) == 'dead')
assert(select(2, coroutine.resume(safe)) == 'in pcall')
local _, caught, why = coroutine.resume(safe)
assert(caught == false and why:find 'after')
assert(select(2, coroutine.resume(safe)) == '123')
-- Closed while suspended, with a variable to be closed.
local closed
local waiting = coroutine.create(function()
  local x <close> = setmetatable({}, { __close = function() closed = true end })
  coroutine.yield()
end)
coroutine.resume(waiting)
for n = 1, 50 do assert(coroutine.status(waiting) == 'suspended') end
assert(coroutine.close(waiting) and closed)
