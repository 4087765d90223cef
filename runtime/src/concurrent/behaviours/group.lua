-- `concurrent.group`: groups of processes under a name, over all nodes that are connected (OTP's pg).
--
-- Each runtime whose processes use groups has a process that keeps them: which of them are in which groups, and what the keepers of
-- other nodes say of theirs. Keepers find each other by the nodes' names, tell each other what changes, and forget those whose
-- connection is lost. So groups are the same everywhere after a short time, and not at once.
local c = require 'concurrent'
local calls = require 'concurrent.call'
local self, send, receive, exit, spawnmonitor, sleep = c.self, c.send, c.receive, c.exit, c.spawnmonitor, c.sleep
local monitor, demonitor, register, unregister, whereis = c.monitor, c.demonitor, c.register, c.unregister, c.whereis
local nodename, nodes, processes, time = c.node, c.nodes, c.processes, c.time
local reply, wrong, shown = calls.reply, calls.wrong, calls.shown
local type, ipairs, pairs, next = type, ipairs, pairs, next
local remove, sort, max = table.remove, table.sort, math.max

-- Milliseconds after which a keeper looks for nodes that it does not know.
local LOOK = 1000
-- How often a keeper is looked for that somebody else is making.
local TRIES = 1000

-- The name of the keeper of a node.
local function name_at(node) return 'concurrent.group@' .. (node or '') end

-- The keeper. Members: s.own[group] and peer[group] are arrays of pids, in which one may be several times.

local function tell(s, group, event, pids)
  for watcher in pairs(s.watchers[group] or {}) do
    send(watcher, { signal = 'GROUP', group = group, event = event, processes = pids })
  end
end
local function broadcast(s, message)
  for peer in pairs(s.peers) do send(peer, message) end
end
local function take_out(groups, group, pid)
  local list = groups[group]
  for i = 1, list and #list or 0 do
    if list[i] == pid then
      remove(list, i)
      if #list == 0 then groups[group] = nil end
      return true
    end
  end
  return false
end
local function put_in(groups, group, pids)
  local list = groups[group] or {}
  groups[group] = list
  for _, pid in ipairs(pids) do list[#list + 1] = pid end
end
local function join(s, group, pids)
  put_in(s.own, group, pids)
  for _, pid in ipairs(pids) do
    s.times[pid] = (s.times[pid] or 0) + 1
    monitor(pid)
  end
  tell(s, group, 'join', pids)
  broadcast(s, { keeper = self(), event = 'join', group = group, processes = pids })
end
-- Those of the processes that were members are none any more; how many were.
local function leave(s, group, pids)
  local gone = {}
  for _, pid in ipairs(pids) do
    if take_out(s.own, group, pid) then
      gone[#gone + 1] = pid
      s.times[pid] = s.times[pid] - 1
      if s.times[pid] == 0 then
        s.times[pid] = nil
        if not s.watches[pid] then demonitor(pid) end
      end
    end
  end
  if #gone > 0 then
    tell(s, group, 'leave', gone)
    broadcast(s, { keeper = self(), event = 'leave', group = group, processes = gone })
  end
  return #gone
end
-- A process has ended: it is in no group and watches none.
local function is_gone(s, pid)
  if s.times[pid] then
    for group, list in pairs(s.own) do
      local gone = {}
      for _, member in ipairs(list) do
        if member == pid then gone[#gone + 1] = pid end
      end
      if #gone > 0 then leave(s, group, gone) end
    end
  end
  if s.watches[pid] then
    for group in pairs(s.watches[pid]) do
      s.watchers[group][pid] = nil
      if not next(s.watchers[group]) then s.watchers[group] = nil end
    end
    s.watches[pid] = nil
  end
end
-- The connection to a keeper is lost, or it has ended. Those of its members that are here now are this keeper's.
local function peer_is_gone(s, peer)
  local groups = s.peers[peer]
  s.peers[peer] = nil
  local here
  for group, pids in pairs(groups) do
    if not here then
      here = {}
      for _, pid in ipairs(processes()) do here[pid] = true end
    end
    tell(s, group, 'leave', pids)
    local moved = {}
    for _, pid in ipairs(pids) do
      if here[pid] then moved[#moved + 1] = pid end
    end
    if #moved > 0 then join(s, group, moved) end
  end
end
local function is_same(a, b)
  for i = 1, max(#a, #b) do
    if a[i] ~= b[i] then return false end
  end
  return true
end
-- What another keeper says of all its groups. One that is met for the first time is told of those here, after which it is told
-- of each change.
local function learn(s, m)
  local peer = m.keeper
  local old = s.peers[peer]
  s.peers[peer] = m.groups
  if m.node then s.node_of[peer], s.asked[m.node] = m.node, true end
  if not old then
    monitor(peer)
    send(peer, { keeper = self(), event = 'all', groups = s.own, node = nodename() })
  end
  for group, pids in pairs(old or {}) do
    if not is_same(pids, m.groups[group] or {}) then tell(s, group, 'leave', pids) end
  end
  for group, pids in pairs(m.groups) do
    if not old or not is_same(pids, old[group] or {}) then tell(s, group, 'join', pids) end
  end
end
-- The body of a process that tells the keeper of a node of another, and waits until that has told of its groups.
local function meet(node, keeper)
  local kind = calls.request({ name_at(node), node }, keeper, 5000, 'meet')
  exit(kind == true and 'met' or 'not met')
end
-- Asks the keepers of nodes that are not known yet.
local function look_round(s)
  local node = nodename()
  if not node then return end
  if node ~= s.node then
    if register(name_at(node)) then
      unregister(name_at(s.node))
      s.node = node
    else
      -- It has moved to a node that has a keeper, which takes over.
      local other = whereis(name_at(node))
      if other and other ~= self() then
        for group, pids in pairs(s.own) do send(other, { adopt = group, processes = pids }) end
        exit 'moved'
      end
    end
  end
  for _, other in ipairs(nodes()) do
    if not s.asked[other] then
      s.asked[other] = true
      local asks = spawnmonitor(meet, other, { keeper = self(), groups = s.own, node = node })
      if asks then
        s.pending[asks] = other
        s.pendings = s.pendings + 1
      else
        s.asked[other] = nil
      end
    end
  end
end

local control = {}
function control.join(s, r)
  join(s, r.group, r.processes)
  return true
end
function control.leave(s, r)
  return leave(s, r.group, r.processes) > 0
end
local function members(s, group, is_local)
  local all = {}
  for _, pid in ipairs(s.own[group] or {}) do all[#all + 1] = pid end
  if not is_local then
    for _, groups in pairs(s.peers) do
      for _, pid in ipairs(groups[group] or {}) do all[#all + 1] = pid end
    end
  end
  return all
end
function control.members(s, r) return members(s, r.group, r.is_local) end
function control.groups(s)
  local known, all = {}, {}
  for group in pairs(s.own) do known[group] = true end
  for _, groups in pairs(s.peers) do
    for group in pairs(groups) do known[group] = true end
  end
  for group in pairs(known) do all[#all + 1] = group end
  sort(all)
  return all
end
function control.monitor(s, r)
  local group, pid = r.group, r.from
  s.watchers[group] = s.watchers[group] or {}
  s.watchers[group][pid] = true
  s.watches[pid] = s.watches[pid] or {}
  s.watches[pid][group] = true
  monitor(pid)
  return members(s, group)
end
function control.demonitor(s, r)
  local group, pid = r.group, r.from
  local was = s.watchers[group] and s.watchers[group][pid] or false
  if was then
    s.watchers[group][pid], s.watches[pid][group] = nil, nil
    if not next(s.watchers[group]) then s.watchers[group] = nil end
    if not next(s.watches[pid]) then
      s.watches[pid] = nil
      if not s.times[pid] then demonitor(pid) end
    end
  end
  return was
end

local function handle(s, m)
  if type(m) ~= 'table' then return end
  if m.signal == 'CALL' and m.control == 'meet' then
    local peer, node = m.request.keeper, m.request.node
    if s.peers[peer] then
      -- A keeper that is known tells of each change itself. What another process says for it may be older than that.
      s.node_of[peer], s.asked[node] = node, true
    else
      learn(s, m.request)
    end
    reply(m, true)
  elseif m.signal == 'CALL' and control[m.control] then
    -- What other nodes have is known when they have answered.
    if s.pendings > 0 and m.control ~= 'join' and m.control ~= 'leave' then
      s.later[#s.later + 1] = m
    else
      reply(m, { value = control[m.control](s, m.request) })
    end
  elseif m.keeper and m.event == 'all' then
    learn(s, m)
  elseif m.keeper then
    local groups = s.peers[m.keeper]
    if not groups then return end
    if m.event == 'join' then
      put_in(groups, m.group, m.processes)
    else
      for _, pid in ipairs(m.processes) do take_out(groups, m.group, pid) end
    end
    tell(s, m.group, m.event, m.processes)
  elseif m.adopt then
    join(s, m.adopt, m.processes)
  elseif m.signal == 'DOWN' and s.pending[m.from] then
    local node = s.pending[m.from]
    s.pending[m.from] = nil
    s.pendings = s.pendings - 1
    -- It has told of its groups before it has answered. Who did not is asked again.
    if m.reason ~= 'met' then s.asked[node] = nil end
    if s.pendings == 0 then
      local later = s.later
      s.later = {}
      for _, call in ipairs(later) do handle(s, call) end
    end
  elseif m.signal == 'DOWN' and s.peers[m.from] then
    local node = s.node_of[m.from]
    if node then s.asked[node], s.node_of[m.from] = nil, nil end
    peer_is_gone(s, m.from)
  elseif m.signal == 'DOWN' then
    is_gone(s, m.from)
  end
end
-- The body of a keeper. One that finds another ends.
local function run(starter, node)
  if register(name_at(node)) then
    send(starter, { keeper = self(), is_there = true })
  else
    return send(starter, { keeper = self(), is_there = false })
  end
  local s = { node = node, own = {}, peers = {}, node_of = {}, asked = {}, pending = {}, pendings = 0, later = {}, times = {}, watchers = {},
    watches = {} }
  local next_look = 0
  while true do
    local m
    if nodename() and time() >= next_look then
      look_round(s)
      next_look = time() + LOOK
    end
    -- Without nodes nobody else asks: a program that waits for all its processes does not wait for this one.
    if s.is_asked and not nodename() and not next(s.own) and not next(s.watchers) then
      unregister(name_at(s.node))
      -- Whoever has asked meanwhile is answered, or asks the next keeper.
      m = receive(0)
      if m == nil or not register(name_at(s.node)) then return end
    else
      m = receive(nodename() and max(next_look - time(), 0) or nil)
    end
    if m ~= nil then handle(s, m) end
    if type(m) == 'table' and m.signal == 'CALL' then s.is_asked = true end
  end
end

-- Asks the keeper, which is made if there is none.
local function ask(what, request)
  for _ = 1, TRIES do
    local node = nodename()
    local keeper = whereis(name_at(node))
    if not keeper and node then
      -- One from before this runtime was a node takes its new name by itself.
      local early = whereis(name_at())
      if early then
        for _, pid in ipairs(processes()) do
          if pid == early then keeper = early end
        end
      end
    end
    if not keeper then
      local pid = spawnmonitor(run, self(), node)
      if not pid then return nil, 'no process could be started', 'failed' end
      local m = receive(nil, function(m) return type(m) == 'table' and (m.keeper == pid or m.signal == 'DOWN' and m.from == pid) end)
      demonitor(pid)
      keeper = m.is_there and pid or nil
    end
    if keeper then
      local answer, why, reason = calls.outcome(keeper, nil, calls.request(keeper, request, nil, what))
      if answer then return answer.value end
      if reason ~= 'noproc' and reason ~= 'normal' and reason ~= 'moved' then return nil, why, reason end
    else
      sleep(1)
    end
  end
  return nil, 'the process that keeps the groups cannot register its name', 'failed'
end

local function check(name, group)
  if group == nil then wrong(name, 1, 'name of a group expected, got nil', 1) end
end
-- The pids of an argument: a process, or an array of them; the caller.
local function pids_of(name, v)
  if v == nil then return { self() } end
  local list = type(v) == 'table' and v or { v }
  local pids = {}
  for i, process in ipairs(list) do
    local pid = process
    if type(process) == 'string' then pid = whereis(process) end
    if type(pid) ~= 'userdata' then
      wrong(name, 2, 'process (a pid, a name, or an array of them) expected, got ' .. shown(process), 1)
    end
    pids[i] = pid
  end
  return pids
end

-- Makes processes members, once more if they are already.
local function group_join(group, process)
  check('join', group)
  return ask('join', { group = group, processes = pids_of('join', process) })
end
-- Takes processes out, once; false if none of them was a member.
local function group_leave(group, process)
  check('leave', group)
  return ask('leave', { group = group, processes = pids_of('leave', process) })
end
local function group_members(group)
  check('members', group)
  return ask('members', { group = group })
end
local function local_members(group)
  check('localmembers', group)
  return ask('members', { group = group, is_local = true })
end
local function all() return ask('groups', {}) end
-- The members, and from now on a message for each that comes or goes.
local function watch(group)
  check('monitor', group)
  return ask('monitor', { group = group, from = self() })
end
local function unwatch(group)
  check('demonitor', group)
  local was, why, reason = ask('demonitor', { group = group, from = self() })
  while receive(0, { signal = 'GROUP', group = group }) do end
  return was, why, reason
end
-- Sends a message to all members; how many there are.
local function multicast(group, message)
  check('multicast', group)
  if message == nil then wrong('multicast', 2, 'message expected, got nil') end
  local pids, why, reason = ask('members', { group = group })
  if not pids then return nil, why, reason end
  for _, pid in ipairs(pids) do send(pid, message) end
  return #pids
end

return {
  join = group_join, leave = group_leave, members = group_members, localmembers = local_members, groups = all, monitor = watch,
  demonitor = unwatch, multicast = multicast,
}
