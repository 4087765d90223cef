-- `concurrent.pool`: a fixed number of processes that work on calls, and a queue before them.
--
-- The pool is a process that gives each call to a worker which has nothing to do, and that one answers the caller itself. Workers are
-- children of a supervisor, which is the pool's: one that fails is started again, and its caller is told.
local c = require 'concurrent'
local calls, servers, supervisors = require 'concurrent.call', require 'concurrent.server', require 'concurrent.supervisor'
local self, send, receive, exit, setoption = c.self, c.send, c.receive, c.exit, c.setoption
local monitor = c.monitor
local begun_by = servers.begun_by
local reply, refuse, wrong, shown, is_awaited = calls.reply, calls.refuse, calls.wrong, calls.shown, calls.is_awaited
local type, tostring, pcall, error, pairs = type, tostring, pcall, error, pairs
local format, remove, unpack, mathtype, huge = string.format, table.remove, table.unpack, math.type, math.huge

local FIELDS = { size = true, work = true, init = true, arguments = true, most = true, name = true, nodes = true, intensity = true, period = true,
  backoff = true }
local function fault(d)
  if type(d) ~= 'table' then return 'definition of a pool (a table) expected, got ' .. shown(d) end
  for key in pairs(d) do
    if not FIELDS[key] then return format("a definition of a pool has no field '%s'", tostring(key)) end
  end
  if mathtype(d.size) ~= 'integer' or d.size < 1 then return "'size' is " .. shown(d.size) .. ', and must be a number of workers' end
  if type(d.work) ~= 'function' then return "'work' is " .. shown(d.work) .. ', and must be a function' end
  if d.init ~= nil and type(d.init) ~= 'function' then return "'init' is " .. shown(d.init) .. ', and must be a function' end
  if d.most ~= nil and not (mathtype(d.most) == 'integer' and d.most >= 0) then
    return "'most' is " .. shown(d.most) .. ', and must be how many calls may wait'
  end
  if d.name ~= nil and type(d.name) ~= 'string' then return "'name' is " .. shown(d.name) .. ', and must be a string' end
  if d.nodes ~= nil and (type(d.nodes) ~= 'table' or #d.nodes == 0) then
    return "'nodes' is " .. shown(d.nodes) .. ', and must be an array of names of nodes'
  end
  if d.arguments ~= nil and type(d.arguments) ~= 'table' then return "'arguments' is " .. shown(d.arguments) .. ', and must be an array' end
end

-- The body of a worker.
local function work(pool, d)
  local state
  if d.init then state = d.init(unpack(d.arguments or {})) end
  send(pool, { idle = self() })
  while true do
    local m = receive()
    if m.signal == 'CALL' then
      local answer = d.work(state, m.request)
      local ok, why = pcall(reply, m, answer)
      if not ok then error(why, 0) end
      send(pool, { idle = self() })
    end
  end
end

-- Gives calls that wait to workers that have nothing to do. One whose caller has given up is not begun.
local function give(s)
  while #s.idle > 0 and #s.queue > 0 do
    local m = remove(s.queue, 1)
    if is_awaited(m) then
      local worker = remove(s.idle)
      s.busy[worker] = m
      send(worker, m)
    end
  end
end
-- Forgets calls whose callers have given up.
local function forget_given_up(s)
  local n = 0
  for i = 1, #s.queue do
    local m = s.queue[i]
    s.queue[i] = nil
    if is_awaited(m) then
      n = n + 1
      s.queue[n] = m
    end
  end
end
local control = {}
function control.info(s)
  forget_given_up(s)
  local busy = 0
  for _ in pairs(s.busy) do busy = busy + 1 end
  return { size = s.size, idle = #s.idle, busy = busy, waiting = #s.queue }
end
local function forget(list, is_it)
  for i = 1, #list do
    if is_it(list[i]) then return remove(list, i) end
  end
end
local function handle(s, m)
  if type(m) ~= 'table' then return end
  local signal = m.signal
  if m.idle then
    local worker = m.idle
    if not s.known[worker] then
      s.known[worker] = true
      monitor(worker)
    else
      s.busy[worker] = nil
    end
    s.idle[#s.idle + 1] = worker
    give(s)
  elseif signal == 'CALL' and m.control == 'info' then
    reply(m, control.info(s))
  elseif signal == 'CALL' and m.control == 'stop' then
    s.stop = m.request
  elseif signal == 'CALL' then
    if #s.idle == 0 and #s.queue >= s.most then forget_given_up(s) end
    if #s.idle == 0 and #s.queue >= s.most then
      refuse(m, format('%d calls wait already', #s.queue), 'full')
      return
    end
    s.queue[#s.queue + 1] = m
    give(s)
  elseif signal == 'DOWN' and s.known[m.from] then
    local call = s.busy[m.from]
    s.known[m.from], s.busy[m.from] = nil, nil
    forget(s.idle, function(worker) return worker == m.from end)
    if call then
      refuse(call, 'the worker has ended without an answer: ' .. tostring(m.reason), m.reason)
    end
  elseif signal == 'EXIT' then
    if m.from == s.supervisor or m.from == s.parent or m.reason == 'shutdown' then s.stop = m.reason end
  end
end

-- The body of a pool.
local function run(d, starter, is_linked)
  setoption('trapexit', true)
  local asked = begun_by(starter, d.name)
  if not asked then return end
  local children = {}
  for i = 1, d.size do
    children[i] = { id = i, body = work, arguments = { self(), { init = d.init, work = d.work, arguments = d.arguments } },
      node = d.nodes and d.nodes[(i - 1) % #d.nodes + 1], shutdown = 'kill' }
  end
  local supervisor, why, reason = supervisors.startlink { children = children, intensity = d.intensity or d.size,
    period = d.period, backoff = d.backoff }
  if not supervisor then
    reply(asked, { failed = why, reason = reason })
    return
  end
  local s = { size = d.size, most = d.most or huge, supervisor = supervisor, parent = is_linked and starter or nil,
    idle = {}, queue = {}, busy = {}, known = {} }
  reply(asked, { started = true })
  while s.stop == nil do handle(s, receive()) end
  supervisors.stop(supervisor, 'shutdown')
  exit(s.stop)
end

local function start(definition)
  local why = fault(definition)
  if why then wrong('pool', 1, why) end
  local pid, why, reason = servers.launch_body(run, 'pool', false, definition.name, nil, definition, self(), false)
  if pid then return pid end
  return nil, why, reason
end
local function startlink(definition)
  local why = fault(definition)
  if why then wrong('startlink', 1, why) end
  local pid, why, reason = servers.launch_body(run, 'pool', true, definition.name, nil, definition, self(), true)
  if pid then return pid end
  return nil, why, reason
end
-- { size, idle, busy, waiting }: workers, and calls that wait.
local function info(pool)
  local kind, v, limit = servers.told('info', pool)
  return calls.outcome(pool, limit, kind, v)
end

return { start = start, startlink = startlink, stop = servers.stop, info = info, call = calls.call }
