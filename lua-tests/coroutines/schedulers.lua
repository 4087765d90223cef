-- Symmetric use: a scheduler, producer and consumer, coroutines that resume each other.

-- round robin
local trace = {}
local function task(name, n)
  return coroutine.create(function()
    for i = 1, n do trace[#trace + 1] = name .. i; coroutine.yield() end
  end)
end
local queue = { task('a', 2), task('b', 3), task('c', 1) }
while #queue > 0 do
  local t = table.remove(queue, 1)
  assert(coroutine.resume(t))
  if coroutine.status(t) ~= 'dead' then queue[#queue + 1] = t end
end
assert(table.concat(trace, ' ') == 'a1 b1 c1 a2 b2 b3')

-- producer, filter, consumer
local function receive(prod)
  local _, value = coroutine.resume(prod)
  return value
end
local function producer(list) return coroutine.create(function() for _, v in ipairs(list) do coroutine.yield(v) end end) end
local function numbered(prod)
  return coroutine.create(function()
    for line = 1, math.huge do
      local x = receive(prod)
      if x == nil then return nil end
      coroutine.yield(line .. ' ' .. x)
    end
  end)
end
local out = {}
local f = numbered(producer { 'x', 'y', 'z' })
for v in function() return receive(f) end do out[#out + 1] = v end
assert(table.concat(out, ';') == '1 x;2 y;3 z')

-- state kept in locals over many switches
local acc = coroutine.wrap(function(first)
  local sum, n = first, 1
  while true do
    local v = coroutine.yield(sum / n)
    sum, n = sum + v, n + 1
  end
end)
assert(acc(10) == 10 and acc(20) == 15 and acc(30) == 20)

-- many coroutines alive at once
local cos = {}
for i = 1, 100 do
  cos[i] = coroutine.wrap(function() local v = i; while true do v = v + coroutine.yield(v) end end)
end
for i = 1, 100 do assert(cos[i]() == i) end
for i = 100, 1, -1 do assert(cos[i](i) == 2 * i) end

-- nested depth
local function nest(n)
  if n == 0 then return 'bottom' end
  return coroutine.wrap(function() return nest(n - 1) end)() .. '.'
end
assert(nest(20) == 'bottom' .. ('.'):rep(20))

-- shared upvalues between coroutines
local shared = 0
local a = coroutine.wrap(function() while true do shared = shared + 1; coroutine.yield(shared) end end)
local b = coroutine.wrap(function() while true do shared = shared * 2; coroutine.yield(shared) end end)
assert(a() == 1 and b() == 2 and a() == 3 and b() == 6 and shared == 6)

-- passing a coroutine to another
local worker = coroutine.create(function(x) while true do x = coroutine.yield(x * x) end end)
local boss = coroutine.wrap(function(w)
  local t = {}
  for i = 1, 3 do local _, r = coroutine.resume(w, i); t[#t + 1] = r end
  return table.concat(t, ',')
end)
assert(boss(worker) == '1,4,9' and coroutine.status(worker) == 'suspended')

-- varargs kept over a yield
local va = coroutine.wrap(function(...) coroutine.yield(); return select('#', ...), ... end)
va(1, nil, 3)
local n, x, y, z = va()
assert(n == 3 and x == 1 and y == nil and z == 3)
