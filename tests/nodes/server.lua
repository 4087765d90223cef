-- The other side of client.lua.
local c = require 'concurrent'
assert(c.init 'server@localhost')
function adder(a, b) c.exit({ sum = a + b }) end
local function serve()
  while true do
    local m = c.receive()
    if m.what == 'echo' then c.send(m.from, m.value)
    elseif m.what == 'call' then c.send(m.from, { m.f(m.x) })
    elseif m.what == 'die' then c.exit 'dying' end
  end
end
c.register('echo', c.spawn(serve))
print 'ready'
c.receive()
