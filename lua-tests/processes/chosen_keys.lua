-- test: processes
-- A table whose keys were chosen to meet goes on as it is in a spawned process, and comes by message with all entries.
local concurrent = require 'concurrent'
local function integer(i) return i * (2070566913 << 16) ~ 0x9e3779b97f4a7c15 end
local function word(i) return string.pack('<i8i8', 16, i) end
local t = {}
for i = 1, 60 do t[integer(i)], t[word(i)] = i, -i end
local me = concurrent.self()
concurrent.spawn(function(same)
  for i = 1, 60 do assert(t[integer(i)] == i and t[word(i)] == -i and same[word(i)] == -i) end
  for i = 61, 200 do t[integer(i)], t[word(i)] = i, -i end
  concurrent.send(me, t)
end, t)
local received = concurrent.receive()
local n = 0
for _ in pairs(received) do n = n + 1 end
assert(n == 400)
for i = 1, 200 do assert(received[integer(i)] == i and received[word(i)] == -i) end
assert(t[integer(61)] == nil and t[word(61)] == nil)
