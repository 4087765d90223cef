-- test: processes
-- link and unlink: abnormal ends spread, normal ones do not; reasons travel through chains.
local concurrent = require 'concurrent'
local root = concurrent.self()

local function waiter() concurrent.receive() end
local function down(pid)
  local m = concurrent.receive(nil, { signal = 'DOWN', from = pid })
  return m.reason
end

-- the partner dies with the same reason
local a = concurrent.spawnmonitor(waiter)
local b = concurrent.spawnmonitor(function()
  concurrent.link(a)
  concurrent.exit('together')
end)
assert(down(b) == 'together' and down(a) == 'together')

-- it works in both directions
a = concurrent.spawnmonitor(function() concurrent.receive(); concurrent.exit('a first') end)
b = concurrent.spawnmonitor(function()
  concurrent.link(a)
  concurrent.send(root, 'linked')
  concurrent.receive()
end)
assert(concurrent.receive(nil, function(m) return m == 'linked' end))
concurrent.send(a, 'go')
assert(down(a) == 'a first' and down(b) == 'a first')

-- a normal end does not spread
a = concurrent.spawnmonitor(waiter)
b = concurrent.spawnmonitor(function() concurrent.link(a) end)
assert(down(b) == 'normal' and concurrent.isprocessalive(a))
concurrent.send(a, 'end')
assert(down(a) == 'normal')

-- unlink; linking twice is the same as once
a = concurrent.spawnmonitor(waiter)
b = concurrent.spawnmonitor(function()
  concurrent.link(a); concurrent.link(a)
  concurrent.unlink(a)
  concurrent.exit('alone')
end)
assert(down(b) == 'alone' and concurrent.isprocessalive(a))
concurrent.kill(a)
assert(down(a) == 'killed')

-- a chain of ten
local chain = {}
local prev
for i = 1, 10 do
  local before = prev
  chain[i] = concurrent.spawnmonitor(function()
    if before then concurrent.link(before) end
    concurrent.send(root, 'ready')
    concurrent.receive()
    concurrent.exit('domino')
  end)
  prev = chain[i]
end
for _ = 1, 10 do assert(concurrent.receive(nil, function(m) return m == 'ready' end)) end
concurrent.send(chain[5], 'fall')
for i = 1, 10 do assert(down(chain[i]) == 'domino') end

-- kill spreads as an exit signal
a = concurrent.spawnmonitor(waiter)
b = concurrent.spawnmonitor(function() concurrent.link(a); concurrent.send(root, 'ready'); concurrent.receive() end)
assert(concurrent.receive() == 'ready')
concurrent.kill(b)
assert(down(b) == 'killed' and down(a) == 'killed')

-- linking a dead process
local dead = concurrent.spawn(function() end)
b = concurrent.spawnmonitor(function()
  while concurrent.isprocessalive(dead) do concurrent.sleep(0) end
  concurrent.link(dead)
  concurrent.receive()
end)
assert(down(b) == 'noproc')
assert(concurrent.loop() == true)
