-- Yield across pcall, xpcall, error handling inside coroutines.

local co = coroutine.wrap(function()
  local ok, v = pcall(function()
    local x = coroutine.yield 'in pcall'
    assert(x == 'resumed')
    return 'value'
  end)
  assert(ok and v == 'value')
  ok, v = pcall(function()
    coroutine.yield 'before error'
    error('late', 0)
  end)
  assert(not ok and v == 'late')
  ok, v = xpcall(function(a)
    coroutine.yield(a)
    error('handled', 0)
  end, function(m) return '<' .. m .. '>' end, 'arg')
  assert(not ok and v == '<handled>')
  return 'done'
end)
assert(co() == 'in pcall')
assert(co 'resumed' == 'before error')
assert(co() == 'arg')
assert(co() == 'done')

-- pcall of yield itself
local py = coroutine.wrap(function() return pcall(coroutine.yield, 1, 2) end)
local a, b = py()
assert(a == 1 and b == 2)
a, b = py('back')
assert(a == true and b == 'back')

-- deep nesting of pcalls with a yield at the bottom
local function nest(n)
  if n == 0 then return coroutine.yield 'bottom' end
  local ok, v = pcall(nest, n - 1)
  assert(ok)
  return v + 1
end
local deep = coroutine.wrap(nest)
assert(deep(30) == 'bottom' and deep(0) == 30)

-- error after many resumes unwinds to the right pcall
local trace = {}
local un = coroutine.wrap(function()
  local ok, e = pcall(function()
    for i = 1, 3 do
      local ok2, e2 = pcall(function() coroutine.yield(i); error('e' .. i, 0) end)
      trace[#trace + 1] = e2
      if i == 3 then error('outer ' .. e2, 0) end
    end
  end)
  trace[#trace + 1] = e
end)
for i = 1, 3 do assert(un() == i) end
un()
assert(table.concat(trace, ' ') == 'e1 e2 e3 outer e3')

-- an error in a resumed coroutine does not disturb the resumer
local failing = coroutine.create(function() coroutine.yield(); local x = nil; return x.y end)
assert(coroutine.resume(failing))
local ok, e = coroutine.resume(failing)
assert(not ok and e:find("attempt to index a nil value (local 'x')", 1, true) and coroutine.status(failing) == 'dead')

-- to-be-closed variables and yields
local log = {}
local function res(n) return setmetatable({}, { __close = function(_, err)
  coroutine.yield('closing ' .. n)
  log[#log + 1] = n .. tostring(err)
end }) end
local cl = coroutine.wrap(function()
  local ok2, e2 = pcall(function()
    local x <close> = res 'x'
    local y <close> = res 'y'
    coroutine.yield 'body'
    error('E', 0)
  end)
  return e2
end)
assert(cl() == 'body' and cl() == 'closing y' and cl() == 'closing x' and cl() == 'E')
assert(table.concat(log, ' ') == 'yE xE')
