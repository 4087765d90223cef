-- test: processes
-- Every sendable type arrives as it was.
local concurrent = require 'concurrent'

local root = concurrent.self()
local echo = concurrent.spawn(function()
  while true do
    local m = concurrent.receive()
    if m == 'stop' then break end
    concurrent.send(root, m)
  end
end)
local function trip(v)
  assert(concurrent.send(echo, v) == true)
  return concurrent.receive()
end

-- booleans, numbers, strings
assert(trip(true) == true and trip(false) == false)
for _, n in ipairs { 0, 1, -1, 1 << 40, math.maxinteger, math.mininteger } do
  local r = trip(n)
  assert(r == n and math.type(r) == 'integer')
end
for _, n in ipairs { 0.0, 0.5, -1.25, 1e300, 5e-324, math.huge, -math.huge, 2.0 ^ 53, 3.0 } do
  local r = trip(n)
  assert(r == n and math.type(r) == 'float')
end
local nan = trip(0 / 0)
assert(nan ~= nan)
assert(1 / trip(-0.0) == -math.huge)
for _, s in ipairs { '', 'x', 'a\0b', '\xff\xfe', ('long'):rep(100), '\u{20AC}' } do assert(trip(s) == s) end

-- tables
local t = trip { 1, 2, nil, 4, n = 4, [true] = 'b', [1.5] = 'f', [-1] = 'neg', nested = { { {} } } }
assert(t[1] == 1 and t[2] == 2 and t[3] == nil and t[4] == 4 and t.n == 4)
assert(t[true] == 'b' and t[1.5] == 'f' and t[-1] == 'neg' and #t.nested[1][1] == 0)
assert(next(trip {}) == nil)
local key = {}
local k = trip { [key] = 'table key', key = key }
assert(k[k.key] == 'table key' and k[key] == nil)

-- functions with upvalues by value
local n = 5
local add = trip(function(x) n = n + x; return n end)
assert(add(1) == 6 and add(1) == 7 and n == 5)

-- pids
assert(trip(root) == root and trip(echo) == echo)
assert(trip({ from = root, [echo] = 1 })[echo] == 1)

-- the message is a copy as of the send
local m = { v = 1 }
concurrent.send(echo, m)
m.v = 2
assert(concurrent.receive().v == 1)

assert(concurrent.send(echo, 'stop'))
concurrent.loop()
