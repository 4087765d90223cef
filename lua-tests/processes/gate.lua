-- test: processes
-- test: unordered
-- The gate: processes stand still until the root enters the scheduler; order of a first run is the order of spawns.
local concurrent = require 'concurrent'

local function say(text) return function() print(text) end end
concurrent.spawn(say 'first process')
concurrent.spawn(say 'second process')
concurrent.spawn(say 'third process')

-- a lot of work here lets nothing run
local x = 0
for i = 1, 2000 do x = x + i end
print('root before loop', x)
assert(#concurrent.processes() == 4)

concurrent.loop()
print('root after loop', #concurrent.processes())
