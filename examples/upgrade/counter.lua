-- A service that counts. Its node can be replaced while it runs: see upgrade.sh.
--
--   rlua-actor run examples/upgrade/counter.lua old@localhost
local concurrent = require 'concurrent'
assert(concurrent.init((...) or 'old@localhost'))

concurrent.register('counter', concurrent.spawn(function()
  local n = 0
  while true do
    local m = concurrent.receive()
    n = n + 1
    concurrent.send(m.from, { n = n, at = concurrent.node() })
  end
end))
-- Ends when no process is left here.
concurrent.loop()
