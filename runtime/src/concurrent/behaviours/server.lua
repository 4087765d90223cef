-- `concurrent.server`: a process that answers requests, one after the other, and keeps a state in between (OTP's gen_server).
local c = require 'concurrent'
local calls = require 'concurrent.call'
local self, receive, exit, register = c.self, c.receive, c.exit, c.register
local spawn, spawnlink, monitor, demonitor, kill, setoption = c.spawn, c.spawnlink, c.monitor, c.demonitor, c.kill, c.setoption
local ask, outcome, reply = calls.request, calls.outcome, calls.reply
local wrong, shown, named, is_time, is_process = calls.wrong, calls.shown, calls.named, calls.is_time, calls.is_process
local type, tostring, pcall, error, pairs, setmetatable = type, tostring, pcall, error, pairs, setmetatable
local format, stderr, huge = string.format, io.stderr, math.huge

-- What a definition may hold, and of which types.
local FIELDS = {
  name = 'string', node = 'string', trapexit = 'boolean', init = 'function', call = 'function or table', cast = 'function or table',
  info = 'function', timeout = 'function', continue = 'function', terminate = 'function', change = 'function', state = 'any',
  version = 'any',
}
-- What is wrong with a definition.
local function fault(definition)
  if type(definition) ~= 'table' then return 'definition of a server (a table) expected, got ' .. shown(definition) end
  for key, v in pairs(definition) do
    local wanted = FIELDS[key]
    if not wanted then return format("a definition of a server has no field '%s'", tostring(key)) end
    local kind = type(v)
    if wanted ~= 'any' and kind ~= wanted and not (wanted == 'function or table' and (kind == 'function' or kind == 'table')) then
      return format("field '%s' of a server's definition: %s expected, got %s", key, wanted, shown(v))
    end
  end
end

-- What a handler may want besides its reply.
local ACTIONS = { state = true, timeout = true, stop = true, noreply = true, continue = true, ignore = true }
local function act(s, action)
  s.timeout = nil
  if action == nil then return end
  if type(action) ~= 'table' then
    error('what a handler wants is a table (such as { timeout = 1000 }), not ' .. shown(action), 0)
  end
  for key in pairs(action) do
    if not ACTIONS[key] then error(format("a handler cannot want '%s'", tostring(key)), 0) end
  end
  if action.state ~= nil then s.state = action.state end
  s.stop = action.stop
  if action.timeout ~= nil then
    if not is_time(action.timeout) then error('the timeout that a handler wants is ' .. shown(action.timeout), 0) end
    if action.timeout ~= huge then s.timeout = action.timeout end
  end
  -- Before any message.
  if action.continue ~= nil and s.stop == nil then
    local handler = s.definition.continue
    if not handler then error("a handler wants to continue, but the definition has no 'continue'", 0) end
    act(s, handler(s.state, action.continue))
  end
end
-- The handler of a request: the function, or that of the request's name, which is the request or its first element.
local function handler_of(handlers, kind, request)
  if type(handlers) == 'function' then return handlers end
  local name = request
  if type(request) == 'table' then name = request[1] end
  local handler = handlers and name ~= nil and handlers[name]
  if handler then return handler end
  error(format("there is no handler for the %s %s in this server's definition", kind, shown(name)), 0)
end

-- What servers are told by the functions below.
local control = {}
function control.stop(s, m)
  s.stop, s.timeout = m.request, nil
end
function control.state(s, m) reply(m, { state = s.state }) end
-- New code: its `change` makes the new state of the old one. If it fails nothing has changed.
function control.change(s, m)
  local definition = m.request.definition
  local state = s.state
  if definition.change then
    local ok, result = pcall(definition.change, state, s.definition.version, m.request.extra)
    if not ok then
      reply(m, { failed = result })
      return
    end
    if result ~= nil then state = result end
  end
  s.definition, s.state = definition, state
  reply(m, { changed = true })
end

local function handle(s, m)
  local definition = s.definition
  local signal
  if type(m) == 'table' then signal = m.signal end
  if signal == 'CALL' then
    if m.control then return control[m.control](s, m) end
    local answer, action = handler_of(definition.call, 'call', m.request)(s.state, m.request, m)
    -- First what is wrong with it.
    if not (type(action) == 'table' and action.noreply) then
      act(s, action)
      reply(m, answer)
    else
      act(s, action)
    end
  elseif signal == 'CAST' then
    act(s, handler_of(definition.cast, 'cast', m.request)(s.state, m.request))
  elseif signal == 'EXIT' and (m.from == s.parent or m.reason == 'shutdown') then
    -- Whoever has started it ends, or wants it to.
    s.stop = m.reason
  elseif definition.info then
    act(s, definition.info(s.state, m))
  else
    s.timeout = nil
    stderr:write(format("server %s: a message that its definition has no 'info' for: %s\n", s.name or tostring(self()),
      signal and tostring(signal) or shown(m)))
  end
end

-- Calls `terminate` if an error or an exit ends the server; it may not wait then.
local ends = {
  __close = function(s, e)
    if e ~= nil and s.definition.terminate and not s.is_terminated then
      s.is_terminated = true
      s.definition.terminate(s.state, e)
    end
  end,
}

-- How a body begins: its first message is a call of whoever has started it, and it takes its name. The call, which is to be
-- answered when all is ready; nil: it is to end.
local function begun_by(starter, name, trapexit)
  monitor(starter)
  local asked = receive(nil, { from = starter })
  if asked.signal ~= 'CALL' then return nil end
  demonitor(starter)
  if trapexit then setoption('trapexit', true) end
  if name then
    local ok, why = register(name)
    if not ok then
      reply(asked, { failed = format("the name '%s' cannot be had: %s", name, why), reason = 'taken' })
      return nil
    end
  end
  return asked
end

-- The body of a server.
local function run(definition, starter, is_linked, ...)
  local asked = begun_by(starter, definition.name, definition.trapexit)
  if not asked then return end
  local s = { definition = definition, state = definition.state, parent = is_linked and starter or nil, name = definition.name }
  local action
  if definition.init then s.state, action = definition.init(...) end
  if type(action) == 'table' and action.ignore then
    reply(asked, { failed = 'init wants it to be ignored', reason = 'ignore' })
    return
  elseif type(action) == 'table' and action.stop ~= nil then
    reply(asked, { failed = 'init stops it: ' .. tostring(action.stop), reason = action.stop })
    exit(action.stop)
  end
  local guard <close> = setmetatable(s, ends)
  -- Whoever waits for the start does not wait for what follows.
  if type(action) == 'table' and action.continue ~= nil then
    reply(asked, { started = true })
    act(s, action)
  else
    act(s, action)
    reply(asked, { started = true })
  end
  while s.stop == nil do
    local m = receive(s.timeout)
    if m ~= nil then
      handle(s, m)
    elseif s.definition.timeout then
      act(s, s.definition.timeout(s.state))
    else
      error("a handler has wanted a timeout, but the definition has no 'timeout'", 0)
    end
  end
  if s.definition.terminate then
    s.is_terminated = true
    s.definition.terminate(s.state, s.stop)
  end
  exit(s.stop)
end

-- Makes a process of a body whose first message is a call of whoever has started it, and waits for the answer. Its pid; or nil,
-- why there is none, that as a reason, and the pid that it would have had.
local function launch_body(body, kind, is_linked, name, node, ...)
  local pid, why
  local spawner = is_linked and spawnlink or spawn
  if node and node ~= c.node() then
    pid, why = spawner(node, body, ...)
    if not pid then return nil, format('a %s cannot be started at %s: %s', kind, node, why), 'noconnection' end
  else
    pid, why = spawner(body, ...)
    if not pid then return nil, why, 'failed' end
  end
  -- It does nothing before it is called.
  monitor(pid)
  local started, why, reason = outcome(pid, nil, ask(pid))
  if started then
    demonitor(pid)
    if started.started then return pid end
    return nil, started.failed, started.reason, pid
  end
  kill(pid)
  local down = receive(nil, { signal = 'DOWN', from = pid })
  if reason ~= 'failed' then why, reason = tostring(down.reason), down.reason end
  return nil, format('the %s %shas not started: %s', kind, name and "'" .. name .. "' " or '', why), reason, pid
end
local function launch(is_linked, definition, ...)
  return launch_body(run, 'server', is_linked, definition.name, definition.node, definition, self(), is_linked, ...)
end
local function start(definition, ...)
  local why = fault(definition)
  if why then wrong('server', 1, why) end
  local pid, why, reason = launch(false, definition, ...)
  if pid then return pid end
  return nil, why, reason
end
local function startlink(definition, ...)
  local why = fault(definition)
  if why then wrong('startlink', 1, why) end
  local pid, why, reason = launch(true, definition, ...)
  if pid then return pid end
  return nil, why, reason
end

-- A call that the server itself answers: what it has come to, and that; and how long it has waited.
local function told(name, process, request, timeout)
  local ok, why = is_process(process)
  if not ok then wrong(name, 1, why, 1) end
  if timeout ~= nil and not is_time(timeout) then wrong(name, 3, 'time in milliseconds expected, got ' .. shown(timeout), 1) end
  timeout = calls.limit(timeout)
  local kind, v = ask(process, request, timeout, name)
  if kind == 'unsent' then wrong(name, 2, v, 1) end
  return kind, v, timeout
end
-- Ends a server: what it is at is done first, then `terminate`. True once it has ended.
local function stop(process, reason, timeout)
  if reason == nil then reason = 'normal' end
  local kind, v, limit = told('stop', process, reason, timeout)
  if kind == 'ended' and v ~= 'noproc' and v ~= 'noconnection' then return true end
  return outcome(process, limit, kind, v)
end
-- The state of a server as it is between two requests: a copy.
local function state(process, timeout)
  local kind, v, limit = told('state', process, nil, timeout)
  local answer, why, reason = outcome(process, limit, kind, v)
  if not answer then return nil, why, reason end
  return answer.state
end
-- Gives a server another definition.
local function change(process, definition, extra, timeout)
  local why = fault(definition)
  if why then wrong('change', 2, why) end
  local kind, v, limit = told('change', process, { definition = definition, extra = extra }, timeout)
  local answer, why, reason = outcome(process, limit, kind, v)
  if not answer then return nil, why, reason end
  if answer.failed then return nil, format('%s keeps its definition: %s', named(process), tostring(answer.failed)), 'failed' end
  return true
end

return {
  start = start, startlink = startlink, stop = stop, state = state, change = change, call = calls.call, cast = calls.cast,
  reply = reply,
  -- For the other modules.
  launch = launch, launch_body = launch_body, begun_by = begun_by, fault = fault, told = told,
}
