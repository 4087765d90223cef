-- Check, then act: who has the name may end between `whereis` and `send`. Mended, what `send` returns decides.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local me = c.self()
local cache = c.spawn(function()
  c.register 'cache'
  c.send(me, 'ready')
  while true do
    local m = c.receive()
    if m == 'stop' then return end
    c.send(m.from, { value = 42 })
  end
end)
c.receive()
local client = c.spawnmonitor(function()
  for _ = 1, 3 do
    local value
    if is_mended then
      local sent = c.send('cache', { from = c.self() })
      -- It may have ended with the question in its mailbox.
      local m = sent and c.receive(20)
      value = m and m.value or nil
    elseif c.whereis('cache') then
      for _ = 1, 20 do c.self() end
      assert(c.send('cache', { from = c.self() }), 'the cache was there, and does not answer')
      local m = c.receive(20)
      value = m and m.value or nil
    end
    assert(value == nil or value == 42)
  end
end)
c.spawn(function()
  for _ = 1, 60 do c.self() end
  c.send(cache, 'stop')
end)
local down = c.receive(nil, { signal = 'DOWN', from = client })
assert(down.reason == 'normal', down.reason)
os.exit(0)
