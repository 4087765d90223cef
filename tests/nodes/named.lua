-- The other side of names.lua: says on standard output what it is told.
local c = require 'concurrent'
assert(c.init 'a@localhost')
local function serve()
  while true do
    local m = c.receive()
    if m.signal then print(m.signal, m.name, m.winner == c.whereis(m.name))
    else c.send(m.from, m.value) end
  end
end
c.register('shared', c.spawn(serve))
c.register('clash', c.spawn(serve))
c.register('other', c.spawn(serve))
print 'ready'
c.receive()
