-- test: processes
-- No DOWN of a process is received after `demonitor`, not that of an earlier monitor either.
local c = require 'concurrent'
local p = c.spawn(function() c.receive() end)
c.monitor(p)
c.send(p, 'end')
c.receive(1, { never = true })
while c.isprocessalive(p) do c.sleep(1) end
assert(c.monitor(p))
assert(c.demonitor(p))
assert(c.receive(0) == nil)
