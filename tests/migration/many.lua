-- A node with thousands of processes: tests/migration.rs drains it, and asks where they are.
local c = require 'concurrent'
assert(c.init 'old@localhost')
local all = {}
for i = 1, 3000 do
  all[i] = c.spawn(function()
    while true do
      local who = c.receive()
      c.send(who, { i, c.node() })
    end
  end)
end
-- Moves, too.
c.register('asked', c.spawn(function()
  local who = c.receive()
  for _, pid in ipairs(all) do c.send(pid, c.self()) end
  local seen, at = {}, {}
  for _ = 1, #all do
    local m = c.receive()
    assert(not seen[m[1]])
    seen[m[1]] = true
    at[m[2]] = (at[m[2]] or 0) + 1
  end
  c.send(who, at)
end))
print 'ready'
io.stdout:flush()
c.receive()
