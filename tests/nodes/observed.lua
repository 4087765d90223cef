-- A node with something to see, for observe.rs: `arg[1]` is how many processes do nothing, `arg[2]` the node's name (none: it is no node),
-- what follows are nodes that it connects with. One process works all the time, one cannot keep up with another that sends to it, two wait for
-- each other, and with other nodes there is one that sends to `far` at the first of them and one that goes there and comes back.
local c = require 'concurrent'
local name = arg[2]
if name then assert(c.init(name)) end
for i = 3, #arg do assert(c.spawn(arg[i], function() end)) end

local function named(what, f, ...)
  local pid = c.spawn(f, ...)
  -- Names are those of all connected nodes.
  c.register(name and what .. ' ' .. name:match '^[^@]*' or what, pid)
  return pid
end
named('grinder', function()
  local n = 0
  while true do n = n + 1 end
end)
local sink = named('sink', function()
  while true do
    local m = c.receive()
    for _ = 1, 2000 * m.cost do end
  end
end)
-- So many more each time that it never keeps up, however fast it is.
named('hose', function()
  local batch, total = 0, 0
  while true do
    batch = batch + 1
    local waiting = c.processinfo(sink).mailbox
    for _ = 1, math.max(50, 1000 + 20 * batch - waiting) do
      total = total + 1
      c.send(sink, { cost = 3, number = total })
    end
    c.sleep(20)
  end
end)
local function partner()
  local other = c.receive()
  c.receive(nil, { from = other })
end
local left, right = named('left', partner), named('right', partner)
c.send(left, right)
c.send(right, left)
local many = tonumber(arg[1])
-- Younger than the others: where a list is cut off they are missing.
local crowd = c.spawn(function()
  local function idle() require('concurrent').receive() end
  c.receive()
  for _ = 1, many do c.spawn(idle) end
  c.receive()
end)
local boss = named('boss', function()
  for i = 1, 3 do
    named('worker ' .. i .. (i == 3 and ' <img src=x onerror=alert(1)>' or ''), function() c.receive() end)
  end
  c.send(crowd, 'all others are here')
  c.receive()
end)
if name and arg[3] then
  local away = arg[3]
  named('near', function()
    while true do
      c.send({ 'far ' .. away:match '^[^@]*', away }, ('x'):rep(500))
      c.sleep(5)
    end
  end)
  named('traveller', function()
    while true do
      c.migrate(away)
      c.sleep(1500)
      c.migrate(name)
      c.sleep(1500)
    end
  end)
else
  named('far', function() while true do c.receive() end end)
end
print 'ready'
io.stdout:flush()
c.loop()
