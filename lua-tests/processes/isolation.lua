-- test: processes
-- Processes share nothing: globals, libraries, metatables of strings, random state, modules.
-- test: stderr=only here
local concurrent = require 'concurrent'
local root = concurrent.self()

-- a child that breaks its world
local p = concurrent.spawnmonitor(function()
  string.format = nil
  table.concat = function() return 'broken' end
  getmetatable('').__index = nil
  print = nil
  package.loaded.string = nil
  _G.assert = function() end
  error('only here', 0)
end)
local m = concurrent.receive()
assert(m.from == p and m.reason == 'only here')
assert(string.format('%d', 5) == '5' and table.concat { 1, 2 } == '12' and ('x'):upper() == 'X')
assert(type(print) == 'function' and package.loaded.string == string)

-- the next child starts from the root's world, not from the broken one
concurrent.spawn(function() concurrent.send(root, { s = string.format('%s', 'whole'), up = ('y'):upper() }) end)
m = concurrent.receive()
assert(m.s == 'whole' and m.up == 'Y')

-- a change of the string metatable in the root travels in a snapshot
getmetatable('').__call = function(s, x) return s .. x end
concurrent.spawn(function() concurrent.send(root, ('a')('b')) end)
assert(concurrent.receive() == 'ab')
getmetatable('').__call = nil

-- a stack overflow ends one process only
p = concurrent.spawnmonitor(function()
  local function deep(n) return 1 + deep(n + 1) end
  local ok, e = pcall(deep, 1)
  concurrent.send(root, not ok and e:find('stack overflow', 1, true) ~= nil)
end)
assert(concurrent.receive() == true and concurrent.receive().reason == 'normal')

-- collectgarbage collects only the caller's heap; finalizers run in their own process
local done = false
local function garbage() setmetatable({}, { __gc = function() done = true end }) end
garbage()
concurrent.spawn(function() collectgarbage(); collectgarbage(); concurrent.send(root, 'collected') end)
assert(concurrent.receive() == 'collected')
collectgarbage()
assert(done == true)

-- finalizers of a process run at its end
concurrent.spawn(function()
  kept = setmetatable({}, { __gc = function() concurrent.send(root, 'finalized at the end') end })
end)
assert(concurrent.receive() == 'finalized at the end')
assert(concurrent.loop() == true)
