-- Order between two senders: nothing says that what one has sent comes before what another sends later. Mended, the second waits
-- until the first has been heard.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local me = c.self()
local log = c.spawn(function()
  local is_open = false
  while true do
    local m = c.receive()
    if m.open then
      is_open = true
      if m.from then c.send(m.from, 'opened') end
    elseif not is_open then
      c.exit 'a line before the log was opened'
    else
      c.send(me, 'written')
    end
  end
end)
c.monitor(log)
c.spawn(function()
  c.send(log, { open = true, from = is_mended and me or nil })
end)
if is_mended then assert(c.receive() == 'opened') end
c.spawn(function()
  for _ = 1, 30 do c.self() end
  c.send(log, { line = 'hello' })
end)
local m = c.receive()
assert(m == 'written', m.reason)
os.exit(0)
