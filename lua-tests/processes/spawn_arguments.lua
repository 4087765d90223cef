-- test: processes
-- spawn passes arguments as they are and returns a pid; the body's end is the process's end.
local concurrent = require 'concurrent'

assert(_G.concurrent == concurrent)

local root = concurrent.self()
local shared = { 1, 2 }

local pid = concurrent.spawn(function(...)
  local n, s, t, b, nothing, u = ...
  assert(select('#', ...) == 7)
  assert(n == 1 and s == 'two' and b == false and nothing == nil)
  assert(t == u and t[2] == 2)                    -- one table given twice stays one table
  t[1] = 'changed'
  assert(u[1] == 'changed')
  concurrent.send(root, { ok = true, first = t[1] })
end, 1, 'two', shared, false, nil, shared, nil)

assert(type(pid) == 'userdata')
assert(concurrent.isprocessalive(pid))
assert(concurrent.loop() == true)
assert(not concurrent.isprocessalive(pid))

local m = concurrent.receive(0)
assert(m.ok and m.first == 'changed')
assert(shared[1] == 1)                            -- the caller's table is another one

-- a body given by the name of a global function
function named(a, b) concurrent.send(root, { sum = a + b }) end
assert(concurrent.spawn('named', 20, 22))
concurrent.loop()
assert(concurrent.receive(0).sum == 42)

-- values the body returns are dropped
concurrent.spawn(function() return 1, 2, 3 end)
concurrent.loop()
assert(concurrent.receive(0) == nil)

-- failures
local p, msg = concurrent.spawn('no_such_function')
assert(p == nil and type(msg) == 'string' and msg:find('no_such_function', 1, true))
for _, bad in ipairs { 42, true, {} } do
  local ok, e = pcall(concurrent.spawn, bad)
  assert(not ok and e:find('spawn', 1, true))
end
assert(not pcall(concurrent.spawn))
assert(not pcall(concurrent.spawn, nil))
