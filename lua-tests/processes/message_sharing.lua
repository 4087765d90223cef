-- test: processes
-- Inside one message cycles and shared references are kept; between messages they are not.
local concurrent = require 'concurrent'

local me = concurrent.self()
local function trip(v)
  assert(concurrent.send(me, v) == true)
  return concurrent.receive()
end

-- a cycle
local ring = { name = 'a' }
ring.next = { name = 'b', next = ring }
local r = trip(ring)
assert(r ~= ring and r.next.next == r and r.name == 'a' and r.next.name == 'b')

-- shared tables
local s = { 1 }
local pair = trip { x = s, y = s, z = { 1 } }
assert(pair.x == pair.y and pair.x ~= pair.z and pair.x ~= s)
pair.x[1] = 'changed'
assert(pair.y[1] == 'changed' and s[1] == 1 and pair.z[1] == 1)

-- a table as its own key and value
local odd = {}
odd[odd] = odd
local o = trip(odd)
assert(o[o] == o)

-- functions that share an upvalue
local n = 0
local fs = trip { inc = function() n = n + 1 end, get = function() return n end }
fs.inc() fs.inc()
assert(fs.get() == 2 and n == 0)

-- recursive functions, and an upvalue that refers to the message's table
local function fact(k) if k <= 1 then return 1 end return k * fact(k - 1) end
assert(trip(fact)(10) == 3628800)
local obj = { v = 1 }
obj.get = function() return obj.v end
local c = trip(obj)
c.v = 2
assert(c.get() == 2 and obj.get() == 1)

-- two messages: two copies
concurrent.send(me, s)
concurrent.send(me, s)
local a, b = concurrent.receive(), concurrent.receive()
assert(a ~= b and a[1] == 1 and b[1] == 1)

-- deep nesting
local deep = {}
local at = deep
for i = 1, 300 do at.d = { i = i }; at = at.d end
local d, depth = trip(deep), 0
while d.d do d = d.d; depth = depth + 1; assert(d.i == depth) end
assert(depth == 300)

-- free global names resolve in the receiver
who = 'sender'
concurrent.spawn(function(root)
  who = 'receiver'
  concurrent.send(root, 'ready')
  concurrent.send(root, concurrent.receive()())
end, me)
assert(concurrent.receive() == 'ready')
for _, p in ipairs(concurrent.processes()) do
  if p ~= me then concurrent.send(p, function() return who end) end
end
assert(concurrent.receive() == 'receiver' and who == 'sender')
