-- `concurrent.map`: a function of each element of a list, by several processes at a time, here or at other nodes.
--
-- A process of its own has the others work, so that the caller's mailbox has nothing of it, and all end with it.
local c = require 'concurrent'
local calls = require 'concurrent.call'
local self, send, receive, exit, setoption = c.self, c.send, c.receive, c.exit, c.setoption
local spawnlink, spawnmonitor, monitor, nodename = c.spawnlink, c.spawnmonitor, c.monitor, c.node
local wrong, shown = calls.wrong, calls.shown
local type, tostring, pcall, error, pairs = type, tostring, pcall, error, pairs
local format, min, mathtype, remove = string.format, math.min, math.type, table.remove

-- Processes that work at a time, unless told otherwise: enough for all cores, and for elements that take unequally long.
local WORKERS = 32

-- The body of a process that works.
local function work(manager, f)
  while true do
    local job = receive()
    local ok, v = pcall(f, job.value, job.index)
    send(manager, { worker = self(), index = job.index, ok = ok, value = v })
  end
end

-- The body of the process that has the others work. It ends with the results.
local function manage(caller, list, n, f, count, nodes)
  setoption('trapexit', true)
  monitor(caller)
  local me = self()
  local results, left, next_index = {}, n, 1
  -- What a worker is at; elements of workers that were lost with their nodes.
  local at, again, workers = {}, {}, 0
  local lost
  local function give(worker)
    local index = remove(again)
    if not index and next_index <= n then
      index = next_index
      next_index = next_index + 1
    end
    -- False: it has nothing to do.
    at[worker] = index or false
    if index then send(worker, { index = index, value = list[index] }) end
  end
  for i = 1, min(count, n) do
    local node = nodes and nodes[(i - 1) % #nodes + 1]
    local worker, why
    if node and node ~= nodename() then
      worker, why = spawnlink(node, work, me, f)
    else
      worker, why = spawnlink(work, me, f)
    end
    if worker then
      monitor(worker)
      workers = workers + 1
      give(worker)
    else
      lost = format('no process could be started%s: %s', node and ' at ' .. node or '', tostring(why))
    end
  end
  while left > 0 do
    if workers == 0 then exit { of = me, failed = lost } end
    local m = receive()
    if m.worker then
      if not m.ok then exit { of = me, raised = m.value, index = m.index } end
      results[m.index] = m.value
      left = left - 1
      give(m.worker)
    elseif m.signal == 'DOWN' and m.from == caller then
      exit 'nobody waits'
    elseif m.signal == 'DOWN' then
      local index = at[m.from]
      workers = workers - 1
      at[m.from] = nil
      if m.reason ~= 'noconnection' and index then
        exit { of = me, failed = format('the process of element %d has ended: %s', index, tostring(m.reason)) }
      end
      lost = 'the connections to all nodes are lost'
      if index then
        again[#again + 1] = index
        -- Whoever has nothing to do takes it.
        for worker, busy in pairs(at) do
          if not busy then
            give(worker)
            break
          end
        end
      end
    end
  end
  exit { of = me, results = results }
end

local function map(list, f, options)
  if type(list) ~= 'table' then wrong('map', 1, 'list expected, got ' .. shown(list)) end
  if type(f) ~= 'function' then wrong('map', 2, 'function expected, got ' .. shown(f)) end
  options = options or {}
  if type(options) ~= 'table' then wrong('map', 3, "options (such as { workers = 4 }) expected, got " .. shown(options)) end
  local count, nodes = options.workers or WORKERS, options.nodes
  for key in pairs(options) do
    if key ~= 'workers' and key ~= 'nodes' then wrong('map', 3, format("there is no option '%s'", tostring(key))) end
  end
  if mathtype(count) ~= 'integer' or count < 1 then wrong('map', 3, "'workers' is " .. shown(count) .. ', and must be a positive integer') end
  if nodes ~= nil and (type(nodes) ~= 'table' or #nodes == 0) then
    wrong('map', 3, "'nodes' is " .. shown(nodes) .. ', and must be an array of names of nodes')
  end
  local n = #list
  if n == 0 then return {} end
  local this <close> = calls.begin()
  local manager, why = spawnmonitor(manage, self(), list, n, f, count, nodes)
  if not manager then error(why, 2) end
  this.waiter = manager
  local result = calls.answered(this)
  if type(result) ~= 'table' or result.of ~= manager then
    error('the process of the map has ended: ' .. tostring(result), 2)
  elseif result.results then
    return result.results
  elseif result.failed then
    error(result.failed, 2)
  end
  -- As if it had been called here.
  error(result.raised, 0)
end

return { map = map }
