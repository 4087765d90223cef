-- A supervisor that starts the next before the last one is gone: the name is still given. Mended, it waits for the DOWN.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local me = c.self()
local function child()
  local ok = c.register('service')
  c.send(me, { started = ok })
  c.receive()
  -- What a service does at its end.
  for _ = 1, 10 do c.self() end
end
local first = c.spawn(child)
assert(c.receive().started)
if is_mended then c.monitor(first) end
c.send(first, 'stop')
-- Without that: it has nothing to do but end.
if is_mended then assert(c.receive().signal == 'DOWN') end
c.spawn(child)
assert(c.receive().started, 'the name is taken by the one before')
os.exit(0)
