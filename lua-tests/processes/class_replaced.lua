-- test: processes
-- A class whose name goes to another metatable keeps it for the objects that are left, and goes with the last of them.
local c = require 'concurrent'
local Old, New = { __index = { age = function() return 'old' end } }, { __index = { age = function() return 'new' end } }
c.metatable('Point', Old)
local object = setmetatable({}, Old)
c.metatable('Point', New)
c.send(c.self(), object)
assert(c.receive():age() == 'new')

local before = collectgarbage 'count'
for _ = 1, 20000 do c.metatable('Other', {}) end
collectgarbage()
collectgarbage()
assert(collectgarbage 'count' < before + 400, collectgarbage 'count' - before)
