-- test: processes
-- Wrong arguments raise errors that name the function; failures of the world are returned.
local concurrent = require 'concurrent'
local me = concurrent.self()

local function raises(name, ...)
  local ok, e = pcall(concurrent[name], ...)
  assert(not ok and type(e) == 'string' and e:find(name, 1, true), name .. ': ' .. tostring(e))
end
raises('spawn'); raises('spawn', 12); raises('spawn', {})
raises('spawnlink'); raises('spawnlink', 12); raises('spawnmonitor', true)
raises('send'); raises('send', me); raises('send', me, nil); raises('send', 12, 'x'); raises('send', true, 'x')
raises('receive', 'x'); raises('receive', nil, 12); raises('receive', -1)
raises('sleep'); raises('sleep', 'x'); raises('sleep', -1)
raises('kill'); raises('kill', 12)
raises('link'); raises('link', 12); raises('unlink', true); raises('monitor', 12); raises('demonitor')
raises('register'); raises('register', 12); raises('register', 'n', 12); raises('unregister', {})
raises('whereis'); raises('whereis', 12)
raises('isprocessalive'); raises('isprocessalive', 12)
raises('setoption'); raises('setoption', 'tick', 'x'); raises('getoption', 12)
raises('metatable'); raises('metatable', 'x', 12)
raises('processinfo'); raises('processinfo', 12)

-- times: integers and floats
assert(concurrent.receive(0) == nil and concurrent.receive(0.0) == nil)

-- failures of the world
local dead = concurrent.spawn(function() end)
concurrent.loop()
local function fails(first, ...)
  assert(first == false or first == nil)
  assert(type((...)) == 'string')
end
fails(concurrent.send(dead, 'x'))
fails(concurrent.send('nobody', 'x'))
fails(concurrent.register('n', dead))
fails(concurrent.spawn('nofunction'))
assert(concurrent.kill(dead) == false and concurrent.kill('nobody') == false)
assert(concurrent.whereis('nobody') == nil and concurrent.processinfo(dead) == nil)
assert(concurrent.isprocessalive('nobody') == false)
assert(concurrent.node() == nil and #concurrent.nodes() == 0 and concurrent.isnodealive() == false)

-- old names that programs of this family use
assert(unpack == table.unpack and type(loadstring) == 'function' and loadstring 'return 5' () == 5)
