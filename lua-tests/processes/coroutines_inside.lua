-- test: processes
-- receive, send and sleep work inside coroutines, pcall, metamethods and iterators of a process.
local concurrent = require 'concurrent'
local root = concurrent.self()

local function peer(n) return concurrent.spawn(function() for i = 1, n do concurrent.send(root, i) end end) end

-- in a coroutine: the process waits, the coroutine stays running
peer(3)
local co = coroutine.wrap(function()
  local a = concurrent.receive()
  coroutine.yield(a)
  local b = concurrent.receive()
  coroutine.yield(a + b)
  concurrent.sleep(1)
  return a + b + concurrent.receive()
end)
assert(co() == 1 and co() == 3 and co() == 6)

-- in pcall
peer(2)
local ok, v = pcall(function() return concurrent.receive() + concurrent.receive() end)
assert(ok and v == 3)
ok, v = pcall(function() concurrent.receive(1); error('after receive', 0) end)
assert(not ok and v == 'after receive')

-- in metamethods
peer(3)
local t = setmetatable({}, {
  __index = function() return concurrent.receive() end,
  __add = function() return concurrent.receive() end,
  __concat = function() return concurrent.receive() end,
})
assert(t.x == 1 and t + 1 == 2 and t .. '' == 3)

-- as an iterator
peer(4)
local sum, n = 0, 0
for m in function() return concurrent.receive() end do n = n + 1; sum = sum + m; if n == 4 then break end end
assert(sum == 10)

-- in a to-be-closed variable's handler
peer(1)
do
  local c <close> = setmetatable({}, { __close = function() sum = concurrent.receive() end })
end
assert(sum == 1)

-- all of it in another process, too
local p = concurrent.spawnmonitor(function()
  local w = coroutine.wrap(function()
    while true do
      local m = concurrent.receive()
      if m == 'stop' then return 'stopped' end
      coroutine.yield(m * 2)
    end
  end)
  while true do
    local r = w()
    concurrent.send(root, r)
    if r == 'stopped' then return end
  end
end)
concurrent.send(p, 1); concurrent.send(p, 2); concurrent.send(p, 'stop')
assert(concurrent.receive() == 2 and concurrent.receive() == 4 and concurrent.receive() == 'stopped')
assert(concurrent.receive().reason == 'normal')
assert(concurrent.loop() == true)
