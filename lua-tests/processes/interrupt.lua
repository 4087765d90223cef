-- test: processes
-- test: stderr=died: interrupted!
-- An error raised in another process, wherever it is.
local c = require 'concurrent'
local function reason_of(pid)
  local down = c.receive(nil, { signal = 'DOWN', from = pid })
  return down.reason
end
local parent = c.self()

-- In a wait, in a loop, in a coroutine; it may be caught.
local p = c.spawnmonitor(function() c.receive() end)
assert(c.interrupt(p) == true and reason_of(p) == 'interrupted!')
p = c.spawnmonitor(function()
  c.send(parent, 'begun')
  while true do end
end)
assert(c.receive() == 'begun' and c.interrupt(p) and reason_of(p) == 'interrupted!')
p = c.spawnmonitor(function()
  local inner = coroutine.create(function() c.send(parent, 'begun') c.sleep(1e9) end)
  local ok, e = coroutine.resume(inner)
  c.send(parent, { ok, e, coroutine.status(inner) })
  c.sleep(1e9)
end)
assert(c.receive() == 'begun' and c.interrupt(p))
local m = c.receive()
assert(m[1] == false and m[2] == 'interrupted!' and m[3] == 'dead')
assert(c.interrupt(p) and reason_of(p) == 'interrupted!')

-- Oneself; who is not there; what is no process.
local ok, e = pcall(function() c.interrupt(c.self()) while true do end end)
assert(not ok and e == 'interrupted!')
assert(c.interrupt(p) == false and c.interrupt 'nobody' == false)
assert(not pcall(c.interrupt, 1.5))
c.register('sleeper', c.spawnmonitor(function() c.sleep(1e9) end))
p = c.whereis 'sleeper'
assert(c.interrupt 'sleeper' and reason_of(p) == 'interrupted!')
