-- What `ps` and `drain` begin with: a visit of a node, in which one process tells what is asked for. `arg[1]`: the node.
local c = require 'concurrent'
local node = arg[1]

-- Ends the program with a line.
local function leave(why)
  io.stderr:write('rlua-actor: ', why, '\n')
  os.exit(1)
end
-- Has a function of the node run there, with the caller's pid and more arguments; `name` is the tool's.
function visit(name, f, ...)
  local ok, why = c.init(string.format('%s_%d@localhost', name, math.random(1 << 40)))
  if not ok then leave(why) end
  local pid, why = c.spawnmonitor(node, f, c.self(), ...)
  if not pid then leave(advice(why)) end
  return pid
end
local begun = false
-- The next thing that it tells.
function told()
  local m = c.receive(not begun and 10000 or nil)
  if not m then
    leave(node .. ' lets no process run yet: its main script has not called loop, receive or sleep')
  elseif m.failed then
    leave(m.failed)
  elseif m.signal == 'DOWN' then
    leave('the node has gone: ' .. tostring(m.reason))
  end
  begun = true
  return m
end
