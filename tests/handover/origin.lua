-- A process goes from here to the target once the target monitors it, too. Who hears of its end says so.
local own, target = ...
local c = require 'concurrent'
c.setoption('connectall', false)
assert(c.init(own))
assert(c.isnodealive(target))
local mover = c.spawnmonitor(function()
  local from = c.receive().go
  local ok, why = c.migrate(target)
  print('runs', c.node(), ok, why)
  while true do c.receive() end
end)
c.register('mover', mover)
c.send({ 'watcher', target }, { watch = mover, from = c.self() })
assert(c.receive().watching)
c.send(mover, { go = true })
while true do
  local m = c.receive()
  if m.signal == 'DOWN' then print('told', m.reason) end
end
