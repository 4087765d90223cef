-- A little of all that nodes do, for `explore --nodes`: names, groups, spawns, moves, monitors, calls. It stands whatever breaks.
local concurrent = require 'concurrent'
local group = require 'concurrent.group'
local node, me = concurrent.node(), concurrent.self()
if node ~= 'n1@sim' then
  group.join 'all'
  concurrent.register(node:match '^%w+' .. ' root')
  concurrent.spawn(function()
    for i = 1, 20 do
      concurrent.sleep(math.random(100))
      for _, pid in ipairs(group.members 'all' or {}) do concurrent.send(pid, { node, i, math.random(1000) }) end
    end
  end)
  while true do
    local m = concurrent.receive()
    if m.ask then concurrent.send(m.ask, { pong = node }) end
  end
end
assert(not concurrent.init 'other@sim' and concurrent.setcookie 'the same for all')
for _, other in ipairs { 'n2@sim', 'n3@sim', 'n4@sim' } do concurrent.monitornode(other) end
local function travels()
  local list = {}
  for i = 1, 1000 do list[i] = i end
  concurrent.migrate 'n2@sim'
  concurrent.sleep(5)
  concurrent.send(me, { #list, concurrent.node() })
end
for _ = 1, 30 do
  for _, other in ipairs(concurrent.nodes()) do
    concurrent.send({ other:match '^%w+' .. ' root', other }, { ask = me })
  end
  concurrent.spawnmonitor('n3@sim', travels)
  concurrent.receive(200)
end
