-- A lost wake-up: a process empties its mailbox before it waits, and throws away the message that was to wake it. Mended, it
-- receives what it waits for and leaves the rest.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local me = c.self()
local sleeper = c.spawn(function()
  c.send(me, { ready = c.self() })
  if not is_mended then
    -- Old messages are of no interest.
    while c.receive(0) do end
  end
  local m = c.receive(1000, { wake = true })
  c.send(me, { woken = m ~= nil })
end)
c.receive(nil, { ready = sleeper })
for _ = 1, 20 do c.self() end
c.send(sleeper, { wake = true })
assert(c.receive(nil, function(m) return m.woken ~= nil end).woken, 'it was never woken')
os.exit(0)
