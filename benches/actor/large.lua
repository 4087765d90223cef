-- How long a ping takes beside messages of 100 MB between the same two nodes: large.lua NODE [BYTES [MESSAGES [tables]]]. They are
-- one string each, or else a list of small tables.
-- NODE is a node without a program (`rlua-actor node NODE`).
local c = require 'concurrent'
local node, size, messages = arg[1], tonumber(arg[2] or 100000000), tonumber(arg[3] or 3)

local function serve()
  local c = require 'concurrent'
  while true do
    local m = c.receive()
    c.send(m.from, type(m.value) == 'number' and m.value or #m.value)
  end
end
local me = c.self()
local large, small = c.spawn(node, serve), c.spawn(node, serve)

-- Pings, so many or until the large messages are done, and prints what they took.
local function ping(what, pings)
  local took, late, done = {}, 0, false
  repeat
    local begun = c.time()
    c.send(small, { from = me, value = 1.5 })
    repeat
      local m = c.receive()
      done = done or m == 'done'
    until m == 1.5
    local time = c.time() - begun
    took[#took + 1] = time
    if time > 5 then late = late + 1 end
  until done or #took == pings
  table.sort(took)
  print(string.format('%-24s median %.3f ms, most %.1f ms, over 5 ms: %d of %d', what, took[#took // 2 + 1], took[#took], late, #took))
end

ping('nothing beside it', 2000)
c.spawn(function()
  local body = string.rep('0123456789abcdef', size // 16)
  if arg[4] == 'tables' then
    body = {}
    -- About 20 bytes each.
    for i = 1, size // 20 do body[i] = { i, tostring(i) } end
  end
  for _ = 1, messages do
    c.send(large, { from = c.self(), value = body })
    assert(c.receive() == #body)
  end
  c.send(me, 'done')
end)
local begun = c.time()
ping(string.format('%d messages of %d MB', messages, size // 1000000))
print(string.format('%.0f MB/s', messages * size / 1e3 / (c.time() - begun)))
os.exit(0)
