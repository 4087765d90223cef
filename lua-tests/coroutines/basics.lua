-- Coroutines: create, resume, yield, status, values in both directions.

local co = coroutine.create(function(a, b)
  assert(a == 1 and b == 2)
  local c, d = coroutine.yield(a + b)
  assert(c == 'x' and d == nil)
  local n = select('#', coroutine.yield())
  assert(n == 3)
  return 'end', nil
end)
assert(type(co) == 'thread' and coroutine.status(co) == 'suspended')
local function r(...) return select('#', ...), ... end
local n, ok, v = r(coroutine.resume(co, 1, 2))
assert(n == 2 and ok == true and v == 3 and coroutine.status(co) == 'suspended')
n, ok, v = r(coroutine.resume(co, 'x'))
assert(n == 1 and ok == true)
n, ok, v = r(coroutine.resume(co, nil, nil, nil))
assert(n == 3 and ok and v == 'end' and coroutine.status(co) == 'dead')
local msg
ok, msg = coroutine.resume(co)
assert(ok == false and msg == 'cannot resume dead coroutine')

-- status seen from everywhere
local main = coroutine.running()
local outer, inner
outer = coroutine.create(function()
  assert(coroutine.status(outer) == 'running' and coroutine.status(main) == 'normal')
  inner = coroutine.create(function()
    assert(coroutine.status(outer) == 'normal' and coroutine.status(inner) == 'running')
    coroutine.yield()
  end)
  assert(coroutine.resume(inner))
  assert(coroutine.status(inner) == 'suspended')
  coroutine.resume(inner)
  assert(coroutine.status(inner) == 'dead')
end)
assert(coroutine.resume(outer))
assert(coroutine.status(outer) == 'dead')

-- running and isyieldable
local c, ismain = coroutine.running()
assert(c == main and ismain == true and coroutine.isyieldable() == false)
coroutine.wrap(function()
  local me, m = coroutine.running()
  assert(me ~= main and m == false and coroutine.isyieldable() and not coroutine.isyieldable(main))
end)()

-- resuming oneself, or a normal one
local self
self = coroutine.create(function() return coroutine.resume(self) end)
local _, ok2, m2 = coroutine.resume(self)
assert(ok2 == false and m2 == 'cannot resume non-suspended coroutine')
local w
w = coroutine.wrap(function() return pcall(w) end)
ok2, m2 = w()
assert(ok2 == false and m2:find('cannot resume non-suspended coroutine', 1, true))

-- yield outside
local ok3, m3 = pcall(coroutine.yield, 1)
assert(not ok3 and m3 == 'attempt to yield from outside a coroutine')

-- wrong arguments
assert(not pcall(coroutine.create, 1) and not pcall(coroutine.resume, print) and not pcall(coroutine.status, nil))
assert(not pcall(coroutine.wrap) and not pcall(coroutine.create, setmetatable({}, { __call = print })))

-- C functions as bodies
local cc = coroutine.create(math.max)
assert(select(2, coroutine.resume(cc, 3, 9, 4)) == 9 and coroutine.status(cc) == 'dead')
local cy = coroutine.wrap(coroutine.yield)
assert(cy(5) == 5 and cy(6) == 6)
