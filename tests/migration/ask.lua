-- Asks where the processes of tests/migration/many.lua are.
local c = require 'concurrent'
assert(c.init 'asks@localhost')
c.send({ 'asked', 'new@localhost' }, c.self())
for node, n in pairs(c.receive()) do print(node, n) end
os.exit(0)
