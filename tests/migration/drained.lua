-- A node with processes of several kinds: tests/migration.rs drains it.
local c = require 'concurrent'
assert(c.init 'old@localhost')
for i = 1, 20 do
  c.register('idle' .. i, c.spawn(function()
    while true do
      local m = c.receive()
      c.send(m.from, { i = i, at = c.node() })
    end
  end))
end
c.register('busy', c.spawn(function()
  local n = 0
  while not c.receive(0) do n = n + 1 end
  c.exit 'enough'
end))
c.register('holder', c.spawn(function()
  local log <close> = assert(io.tmpfile())
  c.receive()
end))
c.spawn(function()
  print 'ready'
  io.stdout:flush()
  c.receive()
end)
while true do c.receive() end
