-- test: processes
-- Each absent name that is monitored gives a DOWN of its own; a link to one an exit signal. Neither is a process.
local c = require 'concurrent'
for i = 1, 3 do c.monitor('absent' .. i) end
local from = {}
for _ = 1, 3 do
  local m = c.receive(1000)
  assert(m.signal == 'DOWN' and m.reason == 'noproc' and not from[m.from])
  from[m.from] = true
  assert(not c.isprocessalive(m.from) and c.processinfo(m.from) == nil)
end
assert(c.receive(0) == nil)
c.monitor('absent1')
c.demonitor('absent1')
assert(c.receive(0) == nil, 'a DOWN that is there already is removed')
c.setoption('trapexit', true)
assert(c.link('absent1') == true)
local m = c.receive(1000)
assert(m.signal == 'EXIT' and m.reason == 'noproc')
-- nil is nobody
assert(c.isprocessalive(nil) == false and c.isprocessalive(c.whereis 'absent1') == false)
assert(c.processinfo(nil) == nil and not pcall(c.isprocessalive))
