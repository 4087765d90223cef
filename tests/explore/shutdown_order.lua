-- Shutdown in the wrong order: the store is stopped while a producer still has something for it. Mended, the producer ends first.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local me = c.self()
local store = c.spawn(function()
  local kept = 0
  while true do
    local m = c.receive()
    if m.stop then
      c.send(me, { kept = kept })
      return
    end
    kept = kept + 1
  end
end)
-- Something else that is told before the end.
local log = c.spawn(function() while true do c.send(me, { noted = c.receive() }) end end)
local producer = c.spawn(function()
  local made = 0
  repeat
    made = made + 1
    c.send(store, { item = made })
    local m = c.receive(1)
  until m
  -- The last one takes a little.
  for _ = 1, 40 do c.self() end
  c.send(store, { item = made + 1 })
  c.send(me, { made = made + 1 })
end)
c.sleep(3)
c.monitor(producer)
c.send(producer, 'stop')
if is_mended then
  c.receive(nil, { signal = 'DOWN', from = producer })
else
  -- It has been told first, and is ready soon.
  c.send(log, 'shutdown')
  c.receive(nil, { noted = 'shutdown' })
end
c.send(store, { stop = true })
local made = c.receive(nil, function(m) return m.made ~= nil end).made
local kept = c.receive(nil, function(m) return m.kept ~= nil end).kept
assert(made == kept, made .. ' were made, and ' .. kept .. ' kept')
os.exit(0)
