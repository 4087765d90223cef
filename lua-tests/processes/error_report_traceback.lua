-- test: processes
-- The report of an uncaught error brings the traceback.
-- test: stderr=stack traceback
local concurrent = require 'concurrent'

local pid = concurrent.spawn(function()
  concurrent.receive()
  local t = nil
  return t.field
end)
concurrent.register('clerk', pid)
concurrent.monitor('clerk')
concurrent.send('clerk', 'go')
local m = concurrent.receive()
assert(m.reason:find("attempt to index a nil value (local 't')", 1, true))
print('reason seen')
