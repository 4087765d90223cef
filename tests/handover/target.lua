-- Monitors whom it is told to.
local own = ...
local c = require 'concurrent'
c.setoption('connectall', false)
assert(c.init(own))
c.register('watcher', c.self())
print 'ready'
while true do
  local m = c.receive()
  if m.watch then
    c.monitor(m.watch)
    c.send(m.from, { watching = true })
  elseif m.signal == 'DOWN' then
    print('told', m.reason)
  end
end
