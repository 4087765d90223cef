-- A node that attach.rs looks into.
local c = require 'concurrent'
assert(c.init 'shop@localhost')
stock = { apples = 3, pears = 5 }
function total()
  local n = 0
  for _, k in pairs(stock) do n = n + k end
  return n
end
local function counter()
  while true do
    local m = c.receive()
    if m.ask then c.send(m.ask, { stock = stock }) else stock[m.what] = (stock[m.what] or 0) + m.n end
  end
end
c.register('counter', c.spawn(counter))
print 'ready'
-- Whoever asks for it is told what this node sees of others.
while true do
  local m = c.receive()
  if m.ask then c.send(m.ask, { nodes = c.nodes(), processes = #c.processes() }) end
end
