-- test: processes
-- Large messages arrive whole; the sender and the receiver let others run meanwhile, and can be killed in the middle.
local c = require 'concurrent'
local me = c.self()
local N = 1500

local function large()
  local t = { ints = {}, floats = {}, names = {}, inner = {}, mixed = {} }
  for i = 1, N do
    t.ints[i] = i
    t.floats[i] = i / 2
    t.names['name ' .. i] = i
    t.inner[i] = { i }
    t.mixed[i] = i % 2 == 0 and i or 'text'
  end
  t.me = t
  t.key = { [t.inner] = 'inner' }
  return t
end
local function check(t)
  local sums = { 0, 0, 0, 0, 0 }
  for i = 1, N do
    sums[1] = sums[1] + t.ints[i]
    sums[2] = sums[2] + t.floats[i]
    sums[3] = sums[3] + t.names['name ' .. i]
    sums[4] = sums[4] + t.inner[i][1]
    sums[5] = sums[5] + (i % 2 == 0 and t.mixed[i] or #t.mixed[i])
  end
  local sum = N * (N + 1) // 2
  assert(sums[1] == sum and sums[2] == sum / 2 and sums[3] == sum and sums[4] == sum)
  assert(sums[5] == (N // 2) * (N // 2 + 1) + 4 * (N // 2))
  assert(#t.ints == N and t.me == t and t.key[t.inner] == 'inner')
  return true
end

local t = large()
-- To itself, plain, by a table and by a function.
c.send(me, 'first')
assert(c.send(me, t))
c.send(me, 'last')
assert(c.receive() == 'first' and check(c.receive()) and c.receive() == 'last')
c.send(me, 'first')
t.tag = 'large'
c.send(me, t)
assert(check(c.receive(nil, { tag = 'large' })))
c.send(me, t)
assert(check(c.receive(nil, function(m) return type(m) == 'table' and m.tag == 'large' end)))
assert(c.receive() == 'first' and c.receive(0) == nil)

-- To another, and back.
local echo = c.spawn(function() while true do c.send(me, c.receive()) end end)
for _ = 1, 3 do c.send(echo, t) end
for _ = 1, 3 do assert(check(c.receive())) end
c.kill(echo)

-- Killed in the middle, at either end.
local sender = c.spawn(function()
  local own = large()
  local to = c.self()
  c.send(me, 'begun')
  while true do
    c.send(to, own)
    c.receive()
  end
end)
assert(c.receive() == 'begun')
for _ = 1, 20 do c.tick() end
assert(c.kill(sender) and not c.isprocessalive(sender))

-- What cannot be sent is found at the end, and nothing is delivered.
t.inner[N + 1] = coroutine.create(print)
local ok, e = pcall(c.send, me, t)
assert(not ok and e:find('cannot send a coroutine (at message', 1, true) and e:find('[' .. N + 1 .. '])', 1, true), e)
assert(c.receive(0) == nil)
