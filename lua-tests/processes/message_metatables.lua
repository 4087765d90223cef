-- test: processes
-- Tables with metatables are sent when the class is registered on both sides.
local concurrent = require 'concurrent'
local me = concurrent.self()

local Vec = {}
Vec.__index = Vec
Vec.__add = function(a, b) return setmetatable({ x = a.x + b.x }, Vec) end
local function vec(x) return setmetatable({ x = x }, Vec) end

-- not registered: an error that says so, and where
local ok, e = pcall(concurrent.send, me, { list = { vec(1) } })
assert(not ok and e:find('metatable', 1, true) and e:find('message.list', 1, true), e)
assert(concurrent.receive(0) == nil)

concurrent.metatable('Vec', Vec)
assert(concurrent.send(me, { vec(1), vec(2) }))
local m = concurrent.receive()
assert(getmetatable(m[1]) == Vec and (m[1] + m[2]).x == 3)

-- a child inherits the registration with its snapshot
local root = me
concurrent.spawn(function()
  local v = concurrent.receive()
  concurrent.send(root, v + vec(10))
end)
for _, p in ipairs(concurrent.processes()) do
  if p ~= me then concurrent.send(p, vec(5)) end
end
local sum = concurrent.receive()
assert(getmetatable(sum) == Vec and sum.x == 15)

-- raw access only: no metamethod runs when a message is copied
local Noisy = {}
Noisy.__index = function() error('index') end
Noisy.__newindex = function() error('newindex') end
Noisy.__pairs = function() error('pairs') end
Noisy.__len = function() error('len') end
Noisy.__eq = function() error('eq') end
concurrent.metatable('Noisy', Noisy)
local noisy = setmetatable({}, Noisy)
rawset(noisy, 'v', 1)
concurrent.send(me, noisy)
assert(rawget(concurrent.receive(), 'v') == 1)

-- wrong arguments
assert(not pcall(concurrent.metatable, 5, {}))
assert(not pcall(concurrent.metatable, 'X'))
assert(not pcall(concurrent.metatable, 'X', 'no table'))
