-- A key-value store with a replica at each of several nodes. A write that was answered is kept as long as one replica is left.
--
--   cd examples/services
--   rlua-actor run --node a@localhost -e "require('store').serve()"
--   rlua-actor run --node b@localhost -e "require('store').serve('a@localhost')"
--   rlua-actor run --node me@localhost -e "s = require 'store' s.connect('a@localhost') s.put('x', 5) print(s.get('x'))"
--
-- Replicas are the members of a group. The first of them gives each write a version, and answers when all others have it. One that
-- begins (anew) takes all that the others have, joins, and then once more what was written in between. Replicas that do not see each
-- other for a while both go on; when they do again, each gives the other what it has, and of two values for a key the same one wins at both.
local concurrent = require 'concurrent'
local group = require 'concurrent.group'
local call, reply = concurrent.call, concurrent.reply

local store = {}
local GROUP = 'store'

-- Keeps a value unless there is a newer one; pids decide between equal versions.
local function keep(state, key, entry)
  local old = state.data[key]
  if old and (old.version > entry.version or old.version == entry.version and old.by >= entry.by) then return end
  state.data[key] = entry
end
local function take_from_others(state)
  for _, pid in ipairs(group.members(GROUP) or {}) do
    local data = pid ~= concurrent.self() and call(pid, 'all')
    for key, entry in pairs(data or {}) do keep(state, key, entry) end
  end
end
-- Has all replicas but one keep an entry: it is with each, or that one has ended.
local function spread(key, entry, but)
  for _, pid in ipairs(group.members(GROUP) or {}) do
    if pid ~= but then
      repeat
        local done, _, reason = call(pid, { 'keep', key, entry }, 1000)
      until done or reason ~= 'timeout'
    end
  end
end

local replica = {
  init = function()
    local state = { data = {} }
    take_from_others(state)
    group.join(GROUP)
    group.monitor(GROUP)
    return state, { continue = 'joined' }
  end,
  continue = take_from_others,
  info = function(state, m)
    if m.signal ~= 'GROUP' or m.event ~= 'join' then return end
    for _, pid in ipairs(m.processes) do
      local data = state.data
      if pid ~= concurrent.self() then concurrent.spawn(function() call(pid, { 'merge', data }) end) end
    end
  end,
  call = {
    all = function(state) return state.data end,
    get = function(state, request)
      local entry = state.data[request[2]]
      return { value = entry and entry.value }
    end,
    merge = function(state, request)
      for key, entry in pairs(request[2]) do keep(state, key, entry) end
      return true
    end,
    keep = function(state, request)
      keep(state, request[2], request[3])
      return true
    end,
    -- Answered by a process of its own, so that replicas never wait for each other.
    put = function(state, request, from)
      local key, me = request[2], concurrent.self()
      local old = state.data[key]
      local entry = { value = request[3], version = (old and old.version or 0) + 1, by = tostring(me) }
      state.data[key] = entry
      concurrent.spawn(function()
        spread(key, entry, me)
        reply(from, true)
      end)
      return nil, { noreply = true }
    end,
  },
}

-- Runs a replica at this node, connected with others.
function store.serve(...)
  store.connect(...)
  assert(concurrent.supervisor {
    intensity = 100, period = 1000, backoff = { first = 5, factor = 1.1, most = 100 },
    children = { { id = 'replica', server = replica } },
  })
  concurrent.loop()
end
-- Connects with nodes, and again when a connection is lost.
function store.connect(...)
  local nodes = { ... }
  for _, node in ipairs(nodes) do
    local tries = 0
    while not concurrent.isnodealive(node) do
      tries = tries + 1
      assert(tries < 200, 'no connection to ' .. node)
      concurrent.sleep(50)
    end
  end
  concurrent.spawn(function()
    while true do
      concurrent.sleep(1000)
      for _, node in ipairs(nodes) do concurrent.isnodealive(node) end
    end
  end)
end

-- Asks the replicas, one after the other, until one answers.
local function ask(request)
  local why = 'there is no replica'
  for _ = 1, 200 do
    local pids = group.members(GROUP) or {}
    -- The same first one for all.
    table.sort(pids, function(a, b) return tostring(a) < tostring(b) end)
    for _, pid in ipairs(pids) do
      local answer
      answer, why = call(pid, request, 5000)
      if answer then return answer end
    end
    concurrent.sleep(25)
  end
  return nil, why
end
function store.put(key, value) return ask { 'put', key, value } end
function store.get(key)
  local answer, why = ask { 'get', key }
  if not answer then return nil, why end
  return answer.value
end
-- How many replicas there are.
function store.replicas() return #(group.members(GROUP) or {}) end

return store
