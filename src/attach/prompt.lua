-- The prompt of `attach`: returns the function that has each input run in the node. It runs in the tool; node.lua has what
-- runs there. `arg`: the node, the texts of node.lua and show.lua.
local c = require 'concurrent'
local node, show = arg[1], arg[3]
local tool = assert(load(arg[2], '=node.lua'))()

local function leave(why)
  io.stdout:flush()
  io.stderr:write('rlua-actor: ', why, '\n')
  os.exit(1)
end
-- The process in the node, the key to it, whether it runs something.
local evaluator, key
local function begin()
  local pid, why = c.spawnmonitor(node, tool.serve, c.self(), show)
  if not pid then leave(advice(why)) end
  evaluator, key = pid, nil
  while not key do
    local m = c.receive(5000)
    if not m then
      io.stderr:write(node, ' lets no process run yet: its main script has not called loop, receive or sleep; waiting\n')
    elseif m.ready then
      key = m.ready
    elseif m.signal == 'DOWN' then
      leave('the node has ended the process of the prompt: ' .. tostring(m.reason))
    end
  end
end

local number = 0
-- Handles one message; true: the input has been run.
local function step()
  local m = c.receive()
  if m.output then
    io.write(m.output)
    io.flush()
  elseif m.done == number then
    if m.good then
      if m.text then io.write(m.text, '\n') end
    else
      io.flush()
      io.stderr:write(m.text, '\n')
    end
    return true
  elseif m.signal == 'DOWN' and m.from == evaluator then
    if m.reason == 'noconnection' then leave('the connection to ' .. node .. ' is lost') end
    io.flush()
    io.stderr:write('the process of the prompt has ended (', tostring(m.reason), '); a new one begins\n')
    evaluator = nil
    return true
  end
end

local ok, why = c.init(string.format('attach_%d@localhost', math.random(1 << 40)))
if not ok then leave(why) end
begin()
return function(text)
  if not evaluator then begin() end
  number = number + 1
  c.send(evaluator, { attach = key, number = number, text = text })
  local interrupts, seen_to = 0, 0
  -- All of it, so that an interrupt finds as little as can be that does not catch it.
  local function until_over()
    if seen_to < interrupts then
      seen_to = interrupts
      if interrupts == 1 then c.interrupt(evaluator) else c.kill(evaluator) end
    end
    while not step() do end
  end
  repeat
    local ok, result = pcall(until_over)
    if not ok then
      if result ~= 'interrupted!' then error(result, 0) end
      interrupts = interrupts + 1
    end
  until ok
end
