-- test: processes
-- A name is free once its process has ended, also if others take it away and give it back meanwhile.
local c = require 'concurrent'
for i = 1, 30 do
  local name = 'name' .. i
  c.spawnmonitor(function() for _ = 1, 20 do c.register(name) end end)
  c.spawnmonitor(function() for _ = 1, 20 do c.unregister(name) end end)
  c.receive() c.receive()                        -- both have ended
  assert(not c.whereis(name), name)
  assert(c.register(name))
  c.unregister(name)
end
-- given by another process, it goes with the one who has it
local p = c.spawn(function() c.receive() end)
for i = 1, 100 do assert(c.register('given' .. i, p)) end
assert(c.processinfo(p).name == 'given1')
c.monitor(p)
c.send(p, 'end')
c.receive()
assert(#c.registered() == 0)
assert(select(2, c.register('late', p)) == 'no such process' and not c.whereis('late'))
