-- test: processes
-- self, isprocessalive, isalive, pids as values.
local concurrent = require 'concurrent'

local me = concurrent.self()
assert(type(me) == 'userdata' and me == concurrent.self())
assert(tostring(me):match '^<0%.%d+>$', tostring(me))
assert(concurrent.isprocessalive(me) and concurrent.isalive(me))

local pid = concurrent.spawn(function(parent)
  assert(concurrent.self() ~= parent)
  concurrent.send(parent, concurrent.self())
end, me)
assert(concurrent.isprocessalive(pid))
assert(pid ~= me and tostring(pid) ~= tostring(me) and tostring(pid):match '^<0%.%d+>$')

local sent = concurrent.receive()
assert(sent == pid and not rawequal(sent, nil))

-- pids are keys by value
local t = { [pid] = 'child', [me] = 'root' }
assert(t[sent] == 'child' and t[concurrent.self()] == 'root')
t[sent] = nil
assert(t[pid] == nil)

concurrent.loop()
assert(concurrent.isprocessalive(pid) == false and concurrent.isalive(pid) == false)
assert(concurrent.isprocessalive(me) == true)

-- by name, by table
assert(concurrent.isprocessalive('nobody') == false)
concurrent.register('me')
assert(concurrent.isprocessalive('me') and concurrent.isprocessalive { me, 'any@where' })

-- a pid compares with nothing else and is not changeable
assert(me ~= tostring(me) and me ~= 0 and me ~= {})
assert(not pcall(function() me.x = 1 end))
assert(not pcall(function() return me < pid end))
assert(not pcall(function() return me + 1 end))
assert(me == me and not (me ~= me))

-- every pid is another one
local seen = {}
for _ = 1, 10 do
  local p = concurrent.spawn(function() end)
  assert(not seen[p] and not seen[tostring(p)])
  seen[p], seen[tostring(p)] = true, true
end
concurrent.loop()

-- wrong arguments
for _, f in ipairs { 'isprocessalive', 'send', 'link', 'monitor', 'kill' } do
  local ok, e = pcall(concurrent[f], 42, 'x')
  assert(not ok and e:find(f, 1, true), e)
end
