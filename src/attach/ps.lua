-- `ps`: has the node make the table, and prints it. `arg`: the node, the text of node.lua, the order, how many.
local c = require 'concurrent'
local node = arg[1]
local tool = assert(load(arg[2], '=node.lua'))()

local function leave(why)
  io.stderr:write('rlua-actor: ', why, '\n')
  os.exit(1)
end
local ok, why = c.init(string.format('ps_%d@localhost', math.random(1 << 40)))
if not ok then leave(why) end
local pid, why = c.spawnmonitor(node, tool.tell, c.self(), arg[3], tonumber(arg[4]))
if not pid then leave(advice(why)) end
local begun = false
while true do
  local m = c.receive(not begun and 10000 or nil)
  if not m then
    leave(node .. ' lets no process run yet: its main script has not called loop, receive or sleep')
  elseif m.text then
    print(m.text)
    return
  elseif m.failed then
    leave(m.failed)
  elseif m.signal == 'DOWN' then
    leave('the node has gone: ' .. tostring(m.reason))
  end
  begun = true
end
