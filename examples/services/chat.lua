-- A chat over several nodes: a hub at each has all that was said, and tells those who listen. What was answered is kept as long as one
-- hub is left; everybody hears each line once, and the lines of each speaker in order.
--
--   cd examples/services
--   rlua-actor run --node a@localhost -e "require('chat').serve()"
--   rlua-actor run --node b@localhost -e "require('chat').serve('a@localhost')"
--   rlua-actor run --node ann@localhost chat.lua a@localhost ann            in two terminals; type
--   rlua-actor run --node bob@localhost chat.lua b@localhost bob
local concurrent = require 'concurrent'
local group = require 'concurrent.group'
local call, send, reply = concurrent.call, concurrent.send, concurrent.reply

local chat = {}
local HUBS = 'hubs'

-- Lines are known by their speaker and his count. Those of one speaker come in order, since he says the next when the last was
-- answered. True if it was new.
local function keep(state, line)
  local heard = state.heard[line.who] or 0
  if line.n <= heard then return false end
  state.heard[line.who] = line.n
  state.lines[#state.lines + 1] = line
  for listener, from in pairs(state.listeners) do
    send(listener, { lines = { table.unpack(state.lines, from) } })
    state.listeners[listener] = #state.lines + 1
  end
  return true
end
local function take_from_others(state)
  for _, pid in ipairs(group.members(HUBS) or {}) do
    local lines = pid ~= concurrent.self() and call(pid, 'all')
    for _, line in ipairs(lines or {}) do keep(state, line) end
  end
end
local function spread(line, but)
  for _, pid in ipairs(group.members(HUBS) or {}) do
    if pid ~= but then
      repeat
        local done, _, reason = call(pid, { 'keep', line }, 1000)
      until done or reason ~= 'timeout'
    end
  end
end
local hub = {
  init = function()
    local state = { lines = {}, heard = {}, listeners = {} }
    take_from_others(state)
    group.join(HUBS)
    return state, { continue = 'joined' }
  end,
  continue = take_from_others,
  call = {
    all = function(state) return state.lines end,
    keep = function(state, request)
      keep(state, request[2])
      return true
    end,
    say = function(state, request, from)
      local line, me = request[2], concurrent.self()
      keep(state, line)
      concurrent.spawn(function()
        spread(line, me)
        reply(from, true)
      end)
      return nil, { noreply = true }
    end,
    -- The caller is sent the lines that there are, and each that comes.
    listen = function(state, _, from)
      concurrent.monitor(from.from)
      state.listeners[from.from] = #state.lines + 1
      send(from.from, { lines = state.lines })
      return true
    end,
  },
  info = function(state, m)
    if m.signal == 'DOWN' then state.listeners[m.from] = nil end
  end,
}

-- Runs a hub at this node, connected with others.
function chat.serve(...)
  chat.connect(...)
  assert(concurrent.supervisor { intensity = 100, period = 1000, children = { { id = 'hub', server = hub } } })
  concurrent.loop()
end
function chat.connect(...)
  for _, node in ipairs { ... } do
    local tries = 0
    while not concurrent.isnodealive(node) do
      tries = tries + 1
      assert(tries < 200, 'no connection to ' .. node)
      concurrent.sleep(50)
    end
  end
end

-- Someone who speaks: a function that returns when a line is kept.
function chat.speaker(who)
  local n = 0
  return function(text)
    n = n + 1
    while true do
      for _, pid in ipairs(group.members(HUBS) or {}) do
        if call(pid, { 'say', { who = who, n = n, text = text } }) then return end
      end
      concurrent.sleep(20)
    end
  end
end
-- Calls f with each line, once, whatever becomes of the hub that tells them.
function chat.listen(f)
  local heard = {}
  while true do
    local pid = (group.members(HUBS) or {})[1]
    if pid then concurrent.monitor(pid) end
    if pid and call(pid, 'listen') then
      repeat
        local m = concurrent.receive()
        for _, line in ipairs(m.lines or {}) do
          if line.n > (heard[line.who] or 0) then
            heard[line.who] = line.n
            f(line)
          end
        end
      until m.signal == 'DOWN' and m.from == pid
    else
      concurrent.sleep(20)
    end
  end
end

-- As a program: a node of the chat, and a name.
local node, who = ...
if node ~= 'chat' then
  chat.connect(node)
  concurrent.spawn(function() chat.listen(function(line) print(line.who .. ': ' .. line.text) end) end)
  concurrent.sleep(0)
  local say = chat.speaker(who)
  for text in io.lines() do say(text) end
end
return chat
