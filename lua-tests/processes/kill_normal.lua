-- test: processes
-- kill(p, 'normal') ends p and no process that is linked to it; monitors are told.
local c = require 'concurrent'
local root = c.self()
local s = c.spawnmonitor(function()
  local p = c.spawnlink(function() c.receive() end)
  c.monitor(p)
  assert(c.kill(p, 'normal'))
  local m = c.receive(5000)
  assert(m.signal == 'DOWN' and m.from == p and m.reason == 'normal')
  assert(#c.processinfo(c.self()).links == 0)
  c.send(root, 'lives')
  c.exit('of its own')
end)
assert(c.receive(5000) == 'lives')
assert(c.receive(5000).reason == 'of its own')
