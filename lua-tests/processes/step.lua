-- test: processes
-- step: each ready process gets one slice a step; all stand still in between.
local concurrent = require 'concurrent'
local root = concurrent.self()

assert(concurrent.step() == false)               -- nothing there

-- receive on an empty mailbox ends a slice, so these need one step for each message
local p = concurrent.spawn(function()
  concurrent.send(root, 'a')
  concurrent.receive()
  concurrent.send(root, 'b')
end)

-- steps until f() holds: how many slices a piece of code takes is not fixed
local function steps_until(f)
  for n = 1, 100000 do
    if f() then return n end
    concurrent.step()
  end
  error 'too many steps'
end
local function waiting() return concurrent.processinfo(p).status == 'waiting' end
steps_until(waiting)

-- nothing is ready: a step changes nothing, but the process remains
assert(concurrent.step() == true and concurrent.step() == true)
assert(concurrent.isprocessalive(p))

-- what is sent between steps is seen at the next ones
concurrent.send(p, 'go')
assert(concurrent.isprocessalive(p))             -- it has not run yet
steps_until(function() return not concurrent.isprocessalive(p) end)
assert(concurrent.step() == false)

-- an endless process gets its slice and no more
local spin = concurrent.spawn(function() while true do end end)
for _ = 1, 5 do assert(concurrent.step() == true) end
local before = concurrent.processinfo(spin).reductions
local y = 0
for i = 1, 5000 do y = y + i end
assert(concurrent.processinfo(spin).reductions == before)
concurrent.step()
assert(concurrent.processinfo(spin).reductions > before)
concurrent.kill(spin)
steps_until(function() return not concurrent.isprocessalive(spin) end)

-- now the mailbox: both messages came, in order
assert(concurrent.receive(0) == 'a' and concurrent.receive(0) == 'b' and concurrent.receive(0) == nil)
