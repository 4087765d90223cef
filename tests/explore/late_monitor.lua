-- A monitor that is set too late: the child may have ended by then, and why is not known any more. Mended, `spawnmonitor` does both at
-- once.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local function job()
  local n = 0
  for i = 1, 200 do n = n + i end
  c.exit { result = n }
end
local pid
if is_mended then
  pid = c.spawnmonitor(job)
else
  pid = c.spawn(job)
  -- Something is written down in between.
  c.sleep(0.001)
  c.monitor(pid)
end
local down = c.receive()
assert(type(down.reason) == 'table', 'the result is lost: ' .. tostring(down.reason))
os.exit(0)
