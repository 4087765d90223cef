-- test: processes
-- Selective receive by function and by table; skipped messages keep their order.
local concurrent = require 'concurrent'
local me = concurrent.self()
local function put(...) for _, m in ipairs { ... } do assert(concurrent.send(me, m)) end end
local function drain()
  local t = {}
  while true do
    local m = concurrent.receive(0)
    if m == nil then return table.concat(t, ' ') end
    t[#t + 1] = tostring(type(m) == 'table' and m.id or m)
  end
end

-- by function
put(1, 'a', 2, 'b', 3)
assert(concurrent.receive(nil, function(m) return type(m) == 'string' end) == 'a')
assert(concurrent.receive(0, function(m) return m == 3 end) == 3)
assert(concurrent.receive(0, function() return false end) == nil)
assert(drain() == '1 2 b')

-- any true value accepts
put(false, 5)
assert(concurrent.receive(0, function(m) return m end) == 5)
assert(concurrent.receive(0, function(m) return m == false end) == false)

-- by table
put({ id = 1, body = 'ping' }, { id = 2, body = 'pong', x = { y = 1 } }, { id = 3, body = 'pong', x = { y = 2 } }, 'text')
assert(concurrent.receive(nil, { body = 'pong' }).id == 2)
assert(concurrent.receive(0, { body = 'pong', x = { y = 1 } }) == nil)
assert(concurrent.receive(0, { x = { y = 2 } }).id == 3)
assert(concurrent.receive(0, { nosuch = 1 }) == nil)
assert(drain() == '1 text')

-- numbers and booleans as fields, array fields
put({ id = 'i', 10 }, { id = 'f', 10.0, ok = false }, { id = 'g', 11 })
assert(concurrent.receive(0, { ok = false }).id == 'f')
assert(concurrent.receive(0, { 11 }).id == 'g')
assert(drain() == 'i')

-- the oldest that fits is taken
put({ k = 1, id = 'x' }, { k = 1, id = 'y' }, { k = 2, id = 'z' })
assert(concurrent.receive(0, { k = 1 }).id == 'x')
assert(concurrent.receive(0, { k = 1 }).id == 'y')
assert(drain() == 'z')

-- waiting: what arrives meanwhile and does not fit stays
local child = concurrent.spawn(function(to)
  for i = 1, 5 do concurrent.send(to, { id = i }) end
  concurrent.send(to, { id = 'reply', reply = true })
  concurrent.send(to, { id = 6 })
  concurrent.send(to, { id = 'end', last = true })
end, me)
assert(concurrent.receive(nil, { reply = true }).id == 'reply')
assert(concurrent.receive(nil, { last = true }).id == 'end')
assert(drain() == '1 2 3 4 5 6')

-- a timeout with a match, with messages in the mailbox
put('stay')
assert(concurrent.receive(1, { go = true }) == nil)
assert(drain() == 'stay')

-- a match function that fails: the error comes out, the message stays
put('victim')
local ok, e = pcall(concurrent.receive, 0, function() error('in match', 0) end)
assert(not ok and e == 'in match')
assert(drain() == 'victim')

-- pids in a match
put({ id = 'p', from = me })
assert(concurrent.receive(0, { from = me }).id == 'p')
concurrent.loop()
