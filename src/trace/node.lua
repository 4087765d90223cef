-- What `trace` runs in the node of the process that it traces: returns a function that is spawned there. It reaches what it uses by
-- upvalues, as attach/node.lua does.
local c = require 'concurrent'
local self, send, receive, monitor, leave = c.self, c.send, c.receive, c.monitor, c.exit
local processes, whereis, trace, nodename = c.processes, c.whereis, c.trace, c.node
local type, tostring, tonumber, ipairs, match = type, tostring, tonumber, ipairs, string.match

-- Records of a message.
local RECORDS = 200

local function find(name)
  local number = tonumber(match(name, '^<.*%.(%d+)>$') or name)
  if not number then return whereis(name) end
  for _, pid in ipairs(processes()) do
    if tonumber(match(tostring(pid), '(%d+)>$')) == number then return pid end
  end
end

return function(client, name)
  monitor(client)
  local pid = find(name)
  if not pid or not trace(pid, true) then
    send(client, { failed = nodename() .. ' has no process ' .. name })
    return
  end
  send(client, { begun = true, pid = tostring(pid) })
  local records = {}
  while true do
    local m = receive(#records > 0 and 0 or nil)
    local is_record = type(m) == 'table' and m.trace
    if is_record then records[#records + 1] = m end
    if #records > 0 and (not is_record or #records == RECORDS) then
      -- Waits if the client does not keep up: then records are dropped where they are made.
      send(client, { records = records })
      records = {}
    end
    if type(m) == 'table' and m.signal == 'DOWN' and m.from == client then
      trace(pid, false)
      leave 'normal'
    end
  end
end
