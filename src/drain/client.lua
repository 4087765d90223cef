-- `drain`: has the node empty itself, and prints what has come of it. `arg`: the node, the text of attach/node.lua, that of
-- drain/node.lua, 'stop' or nothing, where the processes go.
local c = require 'concurrent'
local node = arg[1]
local drain = assert(load(arg[3], '=node.lua'))()
local stop = arg[4] == 'stop'
local pid = visit('drain', drain, table.move(arg, 5, #arg, 1, {}), stop)
local result
repeat result = told() until result.moved

local parts = {}
for to, n in pairs(result.went) do parts[#parts + 1] = n .. ' to ' .. to end
table.sort(parts)
print(string.format('moved %d process%s%s', result.moved, result.moved == 1 and '' or 'es',
  #parts > 0 and ': ' .. table.concat(parts, ', ') or ''))
for _, s in ipairs(result.stays) do
  print(string.format('stayed %s%s: %s', s.pid, s.name and ' (' .. s.name .. ')' or '', s.why))
end
if result.restless then print 'processes keep coming: they are spawned faster than they are moved' end
if #result.stays > 0 or result.restless then
  if stop then print(node .. ' was not ended') end
  io.stdout:flush()
  os.exit(1)
end
if stop then
  c.send(pid, { stop = true })
  repeat
    local m = c.receive()
  until m.signal == 'DOWN'
  print(node .. ' has ended')
end
