-- test: processes
-- A reason of a class that the receiver has not registered is told as the text that says so: in DOWN, in EXIT and to __close.
local c = require 'concurrent'
local root = c.self()
local Reason = {}
local function end_with_reason()
  c.metatable('Reason', Reason)
  c.receive()
  c.exit(setmetatable({ code = 1 }, Reason))
end
local EXPECTED = "a message has a table of the class 'Reason', which the receiver has not registered with concurrent.metatable"

local p = c.spawn(end_with_reason)
c.monitor(p)
c.send(p, 'go')
local m = c.receive()
assert(m.signal == 'DOWN' and m.from == p and m.reason == EXPECTED)

c.setoption('trapexit', true)
p = c.spawnlink(end_with_reason)
c.send(p, 'go')
m = c.receive(nil, { signal = 'EXIT' })
assert(m.from == p and m.reason == EXPECTED)

local linked = c.spawn(function()
  c.setoption('trapexit', false)
  local guard <close> = setmetatable({}, { __close = function(_, e) c.send(root, tostring(e)) end })
  p = c.spawnlink(end_with_reason)
  c.send(p, 'go')
  c.receive(nil, { never = true })
end)
assert(c.receive() == EXPECTED)
