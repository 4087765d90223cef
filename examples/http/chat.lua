-- A page, a JSON endpoint, and a chat whose messages come as server-sent events. rlua-actor examples/http/chat.lua [PORT]
-- Each browser's stream is a connection, which is a process, which is a member of a group: so the same program at several nodes
-- that know each other is one chat.
local concurrent = require 'concurrent'
local http = require 'concurrent.http'
local group = require 'concurrent.group'

local PAGE = [[
<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Chat</title>
<h1>Chat</h1>
<form id="form"><label>Say <input id="text" autofocus autocomplete="off"></label> <button>Send</button></form>
<ul id="said" aria-live="polite"></ul>
<script>
  new EventSource('/events').onmessage = (event) => {
    const line = document.createElement('li');
    line.textContent = event.data;
    said.prepend(line);
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    fetch('/say', { method: 'POST', body: text.value });
    text.value = '';
  };
</script>
]]

local routes = {}
routes['GET /'] = function() return 200, { ['content-type'] = 'text/html; charset=utf-8' }, PAGE end
routes['GET /status'] = function()
  return 200, { ['content-type'] = 'application/json' }, ('{"members":%d,"time":%d}\n'):format(#group.members 'chat', os.time())
end
routes['POST /say'] = function(request)
  -- A line end would end the event.
  group.multicast('chat', { said = request:body():gsub('%c', ' ') })
  return 204
end
routes['GET /events'] = function()
  group.join 'chat'
  local function next_event()
    local message = concurrent.receive(15000)
    -- Whoever has gone is noticed when something is sent.
    if message == nil then return ': nothing new\n\n' end
    if message.said then return 'data: ' .. message.said .. '\n\n' end
    -- The server is being stopped.
    if message.signal == 'EXIT' then return nil end
    return ''
  end
  return 200, { ['content-type'] = 'text/event-stream', ['cache-control'] = 'no-store' }, next_event
end

local function handler(request)
  local route = routes[request.method .. ' ' .. request.path]
  if not route then return 404, { ['content-type'] = 'text/plain' }, 'there is nothing at ' .. request.path .. '\n' end
  return route(request)
end
local options = { port = tonumber(arg and arg[1]) or 8080, name = 'chat', limits = { body = 2000 } }
local supervisor = assert(concurrent.supervisor {
  children = { { id = 'chat', start = function() return http.startlink(options, handler) end } },
})
print('http://127.0.0.1:' .. http.info('chat').port)
-- As long as that is.
concurrent.monitor(supervisor)
concurrent.receive()
