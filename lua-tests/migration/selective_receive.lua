-- test: processes
-- A selective receive that waits with a timeout waits for what is left of it, and finds what comes.
local c = require 'concurrent'
local own = c.self()
c.send(own, { kind = 'other', n = 1 })
-- Not by `time`: somebody may set the clock of the machine meanwhile, or stop it for a while.
local early = c.spawn(function() c.sleep(30) end)
assert(c.receive(60, { kind = 'wanted' }) == nil and not c.isprocessalive(early))
assert(c.receive(40, function(m) return m.kind == 'wanted' end) == nil)
c.spawn(function()
  c.sleep(20)
  c.send(own, { kind = 'wanted', n = 2 })
end)
assert(c.receive(30000, { kind = 'wanted' }).n == 2)
c.spawn(function()
  c.sleep(20)
  for i = 3, 5 do c.send(own, { kind = 'wanted', n = i }) end
end)
assert(c.receive(30000, function(m) return m.kind == 'wanted' and m.n == 5 end).n == 5)
assert(c.receive().n == 1 and c.receive().n == 3 and c.receive(30000).n == 4 and c.receive(0) == nil)
