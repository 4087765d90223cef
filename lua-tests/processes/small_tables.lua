-- test: processes
-- A small table of plain values is handed to whoever receives it: a table like any other, and nobody else's.
local concurrent = require 'concurrent'
local me = concurrent.self()

local t = { tag = 'ping', from = me, n = 1 }
concurrent.send(me, t)
t.n = 2
concurrent.send(me, t)
t.n, t.more = nil, 3
concurrent.send(me, t)
local a, b, c = concurrent.receive(), concurrent.receive(), concurrent.receive()
assert(a ~= t and a.n == 1 and b.n == 2 and c.n == nil and c.more == 3 and a.from == me and a.more == nil)
-- It grows, shrinks, and goes on as a message.
for i = 1, 100 do
  a['x' .. i] = i
  a[i] = i
end
assert(#a == 100 and a.x100 == 100 and a.tag == 'ping')
concurrent.send(me, a)
local again = concurrent.receive()
assert(#again == 100 and again.x50 == 50 and again.tag == 'ping' and again.from == me)

-- A match looks at it first: as a value of its own each time, or as bytes.
for i = 1, 3 do concurrent.send(me, { kind = 'k' .. i, n = i }) end
local seen = {}
local got = concurrent.receive(nil, function(m)
  seen[#seen + 1] = m
  m.n = m.n * 10
  return m.kind == 'k3'
end)
assert(got.n == 30 and #seen == 3 and got == seen[3])
got = concurrent.receive(nil, { kind = 'k2' })
assert(got.n == 2 and got ~= seen[2])
got = concurrent.receive()
assert(got.n == 1 and concurrent.receive(0) == nil)

-- Of one process that ends with messages left, and of many that pass it on.
local function pass(next) local m = concurrent.receive() m.hops = m.hops + 1 concurrent.send(next, m) end
local last = me
for _ = 1, 50 do last = concurrent.spawn(pass, last) end
concurrent.send(last, { hops = 0, flag = true, ratio = 0.5 })
got = concurrent.receive()
assert(got.hops == 50 and got.flag and got.ratio == 0.5)
local idle = concurrent.spawn(function() concurrent.receive(nil, { never = true }) end)
for i = 1, 100 do concurrent.send(idle, { n = i }) end
concurrent.kill(idle)

-- The counts of bytes hold: what is received is let go.
for i = 1, 20000 do
  concurrent.send(me, { n = i, a = 1, b = 2, c = 3, d = 4 })
  local m = concurrent.receive()
  assert(m.n == i)
end
collectgarbage()
assert(collectgarbage('count') < 2000)
