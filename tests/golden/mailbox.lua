-- Messages that wait, a selective receive under way, options, a link and a monitor that are told of their loss.
local c = require 'concurrent'
arg = nil -- it says where this lies
local path = ...
c.setoption('trapexit', true)
c.spawnlink(function() c.receive() end)
c.spawnmonitor(function() c.receive() end)
for i = 1, 3 do c.send(c.self(), { n = i, f = function(x) return x + i end, to = c.self() }) end
local said
local m = c.receive(60000, function(m) if m.n == 2 then said = c.checkpoint(path) return true end end)
if said == true then os.exit(0) end
print(said, m.n, m.f(10), m.to == c.self())
for _ = 1, 2 do
  local m = c.receive()
  print(m.n, m.f(10))
end
local told = {}
for _ = 1, 2 do
  local m = c.receive()
  told[m.signal] = m.reason
end
print(told.EXIT, told.DOWN, c.getoption 'trapexit', c.receive(0))
