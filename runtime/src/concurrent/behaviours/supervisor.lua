-- `concurrent.supervisor`: a process that starts others, starts them again when they end, and ends them in order (OTP's
-- supervisor).
--
-- It is linked with each child, so that it takes them along if it is killed, and monitors them, which tells of normal ends too.
-- What a link brings of a child is dropped when its monitor has told.
local c = require 'concurrent'
local calls, servers = require 'concurrent.call', require 'concurrent.server'
local self, receive, exit, time = c.self, c.receive, c.exit, c.time
local spawn, spawnlink, link, unlink = c.spawn, c.spawnlink, c.link, c.unlink
local monitor, kill, setoption, isprocessalive = c.monitor, c.kill, c.setoption, c.isprocessalive
local nodename = c.node
local begun_by = servers.begun_by
local reply, wrong, shown, is_time = calls.reply, calls.wrong, calls.shown, calls.is_time
local ask, outcome, is_process = calls.request, calls.outcome, calls.is_process
local type, tostring, pcall, ipairs, pairs = type, tostring, pcall, ipairs, pairs
local format, huge, mathtype, min, max = string.format, math.huge, math.type, math.min, math.max
local insert, remove, unpack, stderr = table.insert, table.remove, table.unpack, io.stderr

-- What definitions are checked against.

local RESTARTS = { permanent = true, transient = true, temporary = true }
local STRATEGIES = { one_for_one = true, one_for_all = true, rest_for_one = true }
local CHILD = { id = true, body = true, server = true, supervisor = true, start = true, arguments = true, node = true, restart = true,
  shutdown = true }
local WAYS = { 'body', 'server', 'supervisor', 'start' }
local FIELDS = { name = 'string', strategy = 'string', intensity = 'number', period = 'number', backoff = 'table', children = 'table' }
local BACKOFF = { first = true, factor = true, most = true }

-- An id as texts name it.
local function id_text(id)
  return type(id) == 'string' and format("'%s'", id) or tostring(id)
end
local fault
-- What is wrong with the definition of a child.
local function child_fault(child, place)
  if type(child) ~= 'table' then return format('%s: definition (a table) expected, got %s', place, shown(child)) end
  if child.id == nil then return place .. " has no 'id'" end
  place = format('%s (%s)', place, id_text(child.id))
  for key in pairs(child) do
    if not CHILD[key] then return format("%s: there is no field '%s'", place, tostring(key)) end
  end
  local way
  for _, name in ipairs(WAYS) do
    if child[name] ~= nil then
      if way then return format("%s has both '%s' and '%s': one of them says how it is started", place, way, name) end
      way = name
    end
  end
  if not way then return place .. " does not say how it is started: 'body', 'server', 'supervisor' or 'start'" end
  if way == 'server' then
    local why = servers.fault(child.server)
    if why then return place .. ': ' .. why end
  elseif way == 'supervisor' then
    local why = fault(child.supervisor)
    if why then return place .. ': ' .. why end
  elseif type(child[way]) ~= 'function' then
    return format("%s: '%s' is %s, and must be a function", place, way, shown(child[way]))
  end
  if child.restart ~= nil and not RESTARTS[child.restart] then
    return format("%s: 'restart' is %s, and must be 'permanent', 'transient' or 'temporary'", place, shown(child.restart))
  end
  if child.shutdown ~= nil and child.shutdown ~= 'kill' and not is_time(child.shutdown) then
    return format("%s: 'shutdown' is %s, and must be milliseconds or 'kill'", place, shown(child.shutdown))
  end
  if child.arguments ~= nil and type(child.arguments) ~= 'table' then
    return format("%s: 'arguments' is %s, and must be an array", place, shown(child.arguments))
  end
  if child.node ~= nil and (type(child.node) ~= 'string' or way ~= 'body') then
    return format("%s: 'node' is %s, and must be the name of a node where 'body' runs", place, shown(child.node))
  end
end
-- What is wrong with the definition of a supervisor.
function fault(definition)
  if type(definition) ~= 'table' then return 'definition of a supervisor (a table) expected, got ' .. shown(definition) end
  for key, v in pairs(definition) do
    if not FIELDS[key] then return format("a definition of a supervisor has no field '%s'", tostring(key)) end
    if type(v) ~= FIELDS[key] then
      return format("field '%s' of a supervisor's definition: %s expected, got %s", key, FIELDS[key], shown(v))
    end
  end
  if definition.strategy and not STRATEGIES[definition.strategy] then
    return format("'strategy' is %s, and must be 'one_for_one', 'one_for_all' or 'rest_for_one'", shown(definition.strategy))
  end
  if definition.intensity and not (mathtype(definition.intensity) == 'integer' and definition.intensity >= 0) then
    return format("'intensity' is %s, and must be a number of restarts", shown(definition.intensity))
  end
  if definition.period and not (definition.period > 0) then
    return format("'period' is %s, and must be milliseconds", shown(definition.period))
  end
  for key, v in pairs(definition.backoff or {}) do
    if not BACKOFF[key] or not is_time(v) then
      return format("'backoff': %s = %s; it has 'first' and 'most' (milliseconds) and 'factor'", tostring(key), shown(v))
    end
  end
  local ids = {}
  for i, child in ipairs(definition.children or {}) do
    local why = child_fault(child, 'child ' .. i)
    if why then return why end
    if ids[child.id] then return format('children %d and %d have the same id, %s', ids[child.id], i, id_text(child.id)) end
    ids[child.id] = i
  end
end

-- Children: { definition =, pid = (nil: it does not run), again = (the time at which it is started again) }.

local function is_wanted(child, reason)
  local restart = child.definition.restart or 'permanent'
  if restart == 'permanent' then return true end
  if restart == 'temporary' then return false end
  return not (reason == 'normal' or reason == 'shutdown' or type(reason) == 'table' and reason.shutdown ~= nil)
end
local launch
-- Starts a child: true; or nil, why not, and that as a reason.
local function begin(s, child)
  local d = child.definition
  child.again = nil
  local arguments = d.arguments or {}
  local ok, pid, why, reason, failed
  if d.body and d.node and d.node ~= nodename() then
    pid, why = spawnlink(d.node, d.body, unpack(arguments))
  elseif d.body then
    pid, why = spawnlink(d.body, unpack(arguments))
  elseif d.server then
    pid, why, reason, failed = servers.launch(true, d.server, unpack(arguments))
  elseif d.supervisor then
    pid, why, reason, failed = launch(true, d.supervisor)
  else
    ok, pid, why, reason = pcall(d.start, unpack(arguments))
    if not ok then
      pid, why = nil, pid
    elseif type(pid) == 'userdata' then
      link(pid)
    elseif pid ~= nil then
      pid, why = nil, "'start' has returned " .. shown(pid) .. ', and must return a pid'
    end
  end
  if failed then
    unlink(failed)
    receive(0, { signal = 'EXIT', from = failed })
  end
  if not pid then
    if reason == nil then reason = why end
    return nil, format('child %s has not started: %s', id_text(d.id), tostring(why)), reason
  end
  child.pid = pid
  s.by_pid[pid] = child
  monitor(pid)
  return true
end
-- A child is gone: nothing comes of it any more. What its monitor has told, made better by what its link has.
local function is_gone(s, child, reason)
  local pid = child.pid
  if reason == 'noproc' then
    -- It had ended before it was monitored. Its link has told why, or does so before it counts as ended; of a normal end it says
    -- nothing.
    isprocessalive(pid)
    local m = child.exit or receive(0, { signal = 'EXIT', from = pid })
    reason = m and m.reason or 'normal'
  end
  child.exit = nil
  unlink(pid)
  receive(0, { signal = 'EXIT', from = pid })
  s.by_pid[pid], child.pid = nil, nil
  return reason
end

-- The body of a process that tells another to end, by an exit signal.
local function tell_to_end(pid)
  link(pid)
  exit 'shutdown'
end
-- Ends a child that runs: it is told to, and killed if its time is over.
local function finish(s, child)
  local pid = child.pid
  child.again = nil
  if not pid then return end
  local time = child.definition.shutdown
  if time == nil then time = child.definition.supervisor and huge or 5000 end
  local down
  if time == 'kill' then
    kill(pid)
  else
    spawn(tell_to_end, pid)
    down = receive(time ~= huge and time or nil, { signal = 'DOWN', from = pid })
    if not down then kill(pid) end
  end
  down = down or receive(nil, { signal = 'DOWN', from = pid })
  is_gone(s, child, down.reason)
end
local function is_temporary(child) return child.definition.restart == 'temporary' end
-- Ends the children from a place on, the last one first. Temporary ones are forgotten.
local function finish_from(s, first)
  for i = #s.children, first, -1 do
    finish(s, s.children[i])
    if is_temporary(s.children[i]) then remove(s.children, i) end
  end
end
local function give_up(s, reason)
  finish_from(s, 1)
  exit(reason)
end
local function place_of(s, child)
  for i, other in ipairs(s.children) do
    if other == child then return i end
  end
end
local function find(s, id)
  for i, child in ipairs(s.children) do
    if child.definition.id == id then return child, i end
  end
end

-- Counts a restart; past the limit the supervisor ends. How long the restart waits.
local function count_restart(s, child, reason)
  local now, kept = time(), {}
  for _, at in ipairs(s.restarts) do
    if now - at <= s.period then kept[#kept + 1] = at end
  end
  kept[#kept + 1] = now
  s.restarts = kept
  if #kept > s.intensity then
    stderr:write(format('supervisor %s ends: more than %d restart%s within %.14g ms, the last of child %s: %s\n', s.name or tostring(self()),
      s.intensity, s.intensity == 1 and '' or 's', s.period, id_text(child.definition.id), tostring(reason)))
    give_up(s, 'shutdown')
  end
  local backoff = s.backoff
  if not backoff then return now end
  return now + min((backoff.first or 100) * (backoff.factor or 2) ^ (#kept - 1), backoff.most or 10000)
end
-- A child has ended, or did not start, and is to be started again, and with it those whom that concerns.
local function restart(s, child, reason)
  local at = count_restart(s, child, reason)
  if s.strategy == 'one_for_one' then
    child.again = at
    return
  end
  local first = s.strategy == 'one_for_all' and 1 or place_of(s, child)
  finish_from(s, first)
  for i = first, #s.children do s.children[i].again = at end
end
-- Starts those whose time has come, in their order. What does not start is a restart more, before which others are heard.
local function begin_due(s)
  local now = time()
  for _, child in ipairs(s.children) do
    if child.again and child.again <= now then
      local ok, why = begin(s, child)
      if not ok then return restart(s, child, why) end
    end
  end
end
-- How long the next one waits.
local function until_due(s)
  local first
  for _, child in ipairs(s.children) do
    if child.again then first = min(first or huge, child.again) end
  end
  return first and max(first - time(), 0)
end
local function child_ended(s, child, reason)
  reason = is_gone(s, child, reason)
  if is_wanted(child, reason) then
    restart(s, child, reason)
  elseif is_temporary(child) then
    remove(s.children, place_of(s, child))
  end
end

-- What a supervisor is asked.

local control = {}
local function about(child)
  local d = child.definition
  return { id = d.id, pid = child.pid, status = child.pid and 'running' or child.again and 'restarting' or 'stopped',
    type = d.supervisor and 'supervisor' or 'worker', restart = d.restart or 'permanent' }
end
function control.children(s)
  local all = {}
  for i, child in ipairs(s.children) do all[i] = about(child) end
  return { value = all }
end
function control.count(s)
  local n = { specs = 0, active = 0, supervisors = 0, workers = 0 }
  for _, child in ipairs(s.children) do
    n.specs = n.specs + 1
    if child.pid then n.active = n.active + 1 end
    local kind = child.definition.supervisor and 'supervisors' or 'workers'
    n[kind] = n[kind] + 1
  end
  return { value = n }
end
function control.definition(s, id)
  local child = find(s, id)
  if not child then return { failed = 'there is no child ' .. id_text(id), reason = 'not_found' } end
  return { value = child.definition }
end
function control.start(s, definition)
  local known = find(s, definition.id)
  if known then
    local reason = known.pid and 'already_started' or 'already_present'
    return { failed = format('child %s is there already: %s', id_text(definition.id), about(known).status), reason = reason }
  end
  local child = { definition = definition }
  local ok, why, reason = begin(s, child)
  if not ok then return { failed = why, reason = reason } end
  insert(s.children, child)
  return { value = child.pid }
end
function control.terminate(s, id)
  local child, place = find(s, id)
  if not child then return { failed = 'there is no child ' .. id_text(id), reason = 'not_found' } end
  finish(s, child)
  if is_temporary(child) then remove(s.children, place) end
  return { value = true }
end
function control.delete(s, id)
  local child, place = find(s, id)
  if not child then return { failed = 'there is no child ' .. id_text(id), reason = 'not_found' } end
  local status = about(child).status
  if status ~= 'stopped' then
    return { failed = format('child %s is %s: terminate it first', id_text(id), status), reason = status }
  end
  remove(s.children, place)
  return { value = true }
end
function control.restart(s, id)
  local child = find(s, id)
  if not child then return { failed = 'there is no child ' .. id_text(id), reason = 'not_found' } end
  local status = about(child).status
  if status ~= 'stopped' then return { failed = format('child %s is %s', id_text(id), status), reason = status } end
  local ok, why, reason = begin(s, child)
  if not ok then return { failed = why, reason = reason } end
  return { value = child.pid }
end

local function handle(s, m)
  local signal = type(m) == 'table' and m.signal
  if signal == 'DOWN' then
    local child = s.by_pid[m.from]
    if child then child_ended(s, child, m.reason) end
  elseif signal == 'EXIT' then
    -- Of a child its monitor tells.
    local child = s.by_pid[m.from]
    if child then
      child.exit = m
    elseif m.from == s.parent or m.reason == 'shutdown' then
      give_up(s, m.reason)
    end
  elseif signal == 'CALL' and control[m.control] then
    reply(m, control[m.control](s, m.request))
  elseif signal == 'CALL' and m.control == 'stop' then
    give_up(s, m.request)
  end
end

-- The body of a supervisor.
local function run(definition, starter, is_linked)
  setoption('trapexit', true)
  local asked = begun_by(starter, definition.name)
  if not asked then return end
  local s = { strategy = definition.strategy or 'one_for_one', intensity = definition.intensity or 1, period = definition.period or 5000,
    backoff = definition.backoff, name = definition.name, parent = is_linked and starter or nil, children = {}, by_pid = {}, restarts = {} }
  for i, d in ipairs(definition.children or {}) do
    local child = { definition = d }
    local ok, why, reason = begin(s, child)
    if not ok then
      finish_from(s, 1)
      reply(asked, { failed = why, reason = reason })
      exit { shutdown = why }
    end
    s.children[i] = child
  end
  reply(asked, { started = true })
  while true do
    local m = receive(until_due(s))
    if m ~= nil then handle(s, m) end
    begin_due(s)
  end
end

-- Makes a supervisor, and waits until its children have been started.
function launch(is_linked, definition)
  return servers.launch_body(run, 'supervisor', is_linked, definition.name, nil, definition, self(), is_linked)
end
local function start(definition)
  local why = fault(definition)
  if why then wrong('supervisor', 1, why) end
  local pid, why, reason = launch(false, definition)
  if pid then return pid end
  return nil, why, reason
end
local function startlink(definition)
  local why = fault(definition)
  if why then wrong('startlink', 1, why) end
  local pid, why, reason = launch(true, definition)
  if pid then return pid end
  return nil, why, reason
end

-- A question to a supervisor: the answer, or nil and why.
local function ask_for(what, name, supervisor, request)
  local ok, why = is_process(supervisor)
  if not ok then wrong(name, 1, why) end
  if supervisor == self() then wrong(name, 1, 'a supervisor cannot ask itself') end
  local kind, v = ask(supervisor, request, nil, what)
  if kind == 'unsent' then wrong(name, 2, v) end
  local answer, why, reason = outcome(supervisor, nil, kind, v)
  if type(answer) ~= 'table' then return nil, why, reason end
  if answer.failed then return nil, answer.failed, answer.reason end
  return answer.value
end
local function children(supervisor) return ask_for('children', 'children', supervisor) end
local function count(supervisor) return ask_for('count', 'count', supervisor) end
local function definition(supervisor, id) return ask_for('definition', 'definition', supervisor, id) end
local function startchild(supervisor, child)
  local why = child_fault(child, 'child')
  if why then wrong('startchild', 2, why) end
  return ask_for('start', 'startchild', supervisor, child)
end
local function terminatechild(supervisor, id) return ask_for('terminate', 'terminatechild', supervisor, id) end
local function deletechild(supervisor, id) return ask_for('delete', 'deletechild', supervisor, id) end
local function restartchild(supervisor, id) return ask_for('restart', 'restartchild', supervisor, id) end

return {
  start = start, startlink = startlink, stop = servers.stop, children = children, count = count, definition = definition,
  startchild = startchild, terminatechild = terminatechild, deletechild = deletechild, restartchild = restartchild,
}
