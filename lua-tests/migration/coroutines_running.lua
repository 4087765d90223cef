-- A process moves from inside coroutines that run inside others.
local function chain(depth, n)
  if depth == 0 then
    local sum = 0
    for i = 1, n do sum = sum + i end
    return sum, coroutine.isyieldable()
  end
  local co = coroutine.create(chain)
  assert(coroutine.status(co) == 'suspended')
  local ok, sum, yieldable = coroutine.resume(co, depth - 1, n)
  assert(ok and coroutine.status(co) == 'dead')
  return sum + 1, yieldable
end
for round = 1, 5 do
  local sum, yieldable = chain(10, 100)
  assert(sum == 5060 and yieldable)
  local outer
  outer = coroutine.create(function()
    local inner = coroutine.create(function()
      assert(coroutine.status(outer) == 'normal' and coroutine.running() ~= outer)
      local t = {}
      for i = 1, 20 do t[i] = i end
      return #t
    end)
    local _, n = coroutine.resume(inner)
    assert(n == 20 and coroutine.status(outer) == 'running' and coroutine.running() == outer)
    return n
  end)
  assert(select(2, coroutine.resume(outer)) == 20)
end
