-- A mobile agent: one process that visits every node of the network, looks round, and brings home what it has found.
--
--   rlua-actor node selene@localhost &        two nodes without a program,
--   rlua-actor node eos@localhost &
--   rlua-actor run examples/migration/agent.lua selene eos        and the one that sends the agent out
local concurrent = require 'concurrent'
assert(concurrent.init 'gaia@localhost')
local home, nodes = concurrent.self(), { ... }

local agent = concurrent.spawn(function()
  local found, here = {}, concurrent.node()
  for i, name in ipairs(nodes) do
    local node = name .. '@localhost'
    -- The call begins at one node and returns at the other: loop, locals and table come along.
    local ok, why = concurrent.migrate(node)
    if ok then
      print(('agent %d of %d has come from %s to %s'):format(i, #nodes, here, concurrent.node()))
      here = concurrent.node()
      found[#found + 1] = { node = node, processes = #concurrent.processes() }
    else
      print('cannot go to ' .. node .. ': ' .. why)
    end
  end
  concurrent.migrate 'gaia@localhost'
  concurrent.send(home, found)
end)

-- Its pid stays the same wherever it is.
concurrent.monitor(agent)
for _, visit in ipairs(concurrent.receive()) do
  print(visit.node, visit.processes .. ' processes')
end
print('agent ended', concurrent.receive().reason)
os.exit(0)
