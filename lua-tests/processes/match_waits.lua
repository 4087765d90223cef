-- test: processes
-- A match function that sleeps or receives does not start the timeout of its `receive` anew, nor loses messages.
local c = require 'concurrent'
local root = c.self()
for i = 1, 40 do c.send(root, i) end
local asked = 0
assert(c.receive(30, function() asked = asked + 1 c.sleep(5) return false end) == nil)
assert(asked >= 1)
-- a function that receives the very message that it is asked about
assert(c.receive(0, function(m) if m == 3 then assert(c.receive(0, function(n) return n == 3 end) == 3) return true end end) == 3)
local left = {}
while true do
  local m = c.receive(0)
  if not m then break end
  left[#left + 1] = m
end
assert(#left == 39 and left[1] == 1 and left[3] == 4)
