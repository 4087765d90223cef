-- What `drain` runs in the node that it empties: returns a function that is spawned there. It reaches what it uses by
-- upvalues, as attach/node.lua does.
local c = require 'concurrent'
local self, send, receive, spawnlink, monitor = c.self, c.send, c.receive, c.spawnlink, c.monitor
local processes, processinfo, migrate, nodes, nodename = c.processes, c.processinfo, c.migrate, c.nodes, c.node
local isnodealive, leave = c.isnodealive, c.exit
local tostring, ipairs, next, exit, find = tostring, ipairs, next, os.exit, string.find

-- Processes that are being moved at a time, and rounds after which it is given up to follow new ones.
local AT_ONCE, ROUNDS = 8, 100

-- The body of a process that moves others, one after the other.
local function move(whole)
  while true do
    local job = receive()
    local ok, why = migrate(job.pid, job.to)
    send(whole, { mover = self(), pid = job.pid, to = job.to, ok = ok, why = why })
  end
end

-- Moves all that are there now: how many went where, and why which others stay.
local function round(client, movers, targets, own)
  local waiting, stays, went, moved = {}, {}, {}, 0
  for _, pid in ipairs(processes()) do
    if not own[pid] then
      local info = processinfo(pid)
      -- The main script, which has no parent, and what a prompt leaves here, are no work of this node.
      if info and info.parent and info.current ~= 'node.lua' then
        waiting[#waiting + 1] = { pid = pid, name = info.name }
      end
    end
  end
  local names, n, under_way = {}, 0, 0
  local function give(mover)
    n = n + 1
    local job = waiting[n]
    if not job then return end
    names[job.pid] = job.name
    under_way = under_way + 1
    send(mover, { pid = job.pid, to = targets[(n - 1) % #targets + 1] })
  end
  for _, mover in ipairs(movers) do give(mover) end
  while under_way > 0 do
    local m = receive()
    if m.signal then return nil end
    under_way = under_way - 1
    if m.ok then
      moved = moved + 1
      went[m.to] = (went[m.to] or 0) + 1
    elseif not find(m.why, '^noproc') and not find(m.why, 'serves a visitor') then
      stays[#stays + 1] = { pid = tostring(m.pid), name = names[m.pid], why = m.why }
    end
    give(m.mover)
  end
  return moved, went, stays
end

-- The body of the process that `drain` has here.
local function drain(client, targets, stop)
  send(client, { begun = true })
  monitor(client)
  local given = #targets > 0
  if not given then targets = nodes() end
  if #targets == 0 then
    send(client, { failed = nodename() .. ' is connected with no other node: --to says where its processes are to go' })
    return
  end
  for _, node in ipairs(targets) do
    if node == nodename() then
      send(client, { failed = 'the processes of ' .. node .. ' are there already' })
      return
    elseif not isnodealive(node) then
      send(client, { failed = nodename() .. ' has no connection to ' .. node })
      return
    end
  end
  local own, movers = { [self()] = true }, {}
  for i = 1, AT_ONCE do
    movers[i] = spawnlink(move, self())
    own[movers[i]] = true
  end
  local total, all, stays, rounds = 0, {}, {}, 0
  -- What others have spawned here meanwhile is moved as well, and who was hindered by what he did may be free now.
  repeat
    local moved, went
    moved, went, stays = round(client, movers, targets, own)
    -- Whoever wanted it has gone. The movers are linked.
    if not moved then leave 'drained' end
    total, rounds = total + moved, rounds + 1
    for node, n in next, went do all[node] = (all[node] or 0) + n end
  until moved == 0 or rounds == ROUNDS
  send(client, { moved = total, went = all, stays = stays, restless = rounds == ROUNDS })
  if stop then
    local m = receive()
    if m.stop then exit(0, true) end
  end
  leave 'drained'
end

return drain
