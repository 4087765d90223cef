-- Another program that has the name of one that has ended.
local own = ...
local c = require 'concurrent'
c.setoption('connectall', false)
assert(c.init(own))
while true do c.receive() end
