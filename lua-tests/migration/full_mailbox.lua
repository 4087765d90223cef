-- test: processes
-- A full mailbox goes along in order: messages of all kinds, taken out of the middle, and more that come meanwhile.
local c = require 'concurrent'
local own = c.self()
for i = 1, 500 do c.send(own, { n = i, f = function(x) return x + i end, text = ('x'):rep(i % 50) }) end
c.send(own, 'last')
local sender = c.spawn(function() for i = 501, 600 do c.send(own, { n = i, late = true }) end end)
assert(c.receive(nil, { n = 250 }).text == ('x'):rep(0))
assert(c.receive(nil, function(m) return m == 'last' end) == 'last')
for i = 1, 600 do
  if i ~= 250 then
    local m = c.receive(20000)
    assert(m.n == i and (m.late or m.f(1) == i + 1 and #m.text == i % 50), i)
  end
end
assert(c.receive(0) == nil)
