-- test: processes
-- The standard streams belong to the runtime: no spawned process finalizes them, nor who gets one in a message.
local concurrent = require 'concurrent'
local me = concurrent.self()

local finalized = {}
local meta = getmetatable(io.stdout)
local original = meta.__gc
meta.__gc = function(f)
  -- In a process at its end: its creator hears of it.
  if me ~= concurrent.self() then concurrent.send(me, tostring(f)) end
  finalized[#finalized + 1] = f
end

local function child(body, ...)
  concurrent.spawnmonitor(body, ...)
  local down = concurrent.receive()
  assert(type(down) == 'table' and down.reason == 'normal', tostring(down))
end
child(function() collectgarbage() end)
child(function(f) assert(f == io.stderr and io.type(f) == 'file') collectgarbage() end, io.stderr)
child(function() child(function() end) end)

-- In a message, and dropped at once.
concurrent.send(me, { io.stdout, io.stdin })
assert(io.type(concurrent.receive()[1]) == 'file')
collectgarbage()
assert(#finalized == 0)

-- Files of a process's own are finalized as ever.
concurrent.spawnmonitor(function() local own = io.tmpfile() end)
assert(concurrent.receive():find '^file %(0x' and concurrent.receive().reason == 'normal')
meta.__gc = original
