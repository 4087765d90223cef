-- `concurrent.call`, `cast` and `reply`: a request to a process, and its answer.
--
-- Each call has a process of its own that waits for the answer in the caller's place, and ends with it. So an answer that comes
-- after its time finds nobody: it is never in the caller's mailbox, and never taken for that of another call. It is that
-- process, too, that monitors the one which is called: monitors that the caller has of it stay as they are.
local c = require 'concurrent'
local self, send, receive, exit, kill = c.self, c.send, c.receive, c.exit, c.kill
local spawnmonitor, monitor, demonitor, whereis = c.spawnmonitor, c.monitor, c.demonitor, c.whereis
local type, tostring, pcall, error, setmetatable, getinfo = type, tostring, pcall, error, setmetatable, debug.getinfo
local format, match, sub, huge = string.format, string.match, string.sub, math.huge

-- Milliseconds that a call waits if it does not say how long (as OTP's gen_server).
local DEFAULT = 5000
-- Milliseconds past which who waits for a caller looks whether it lives.
local LONG = 60000

-- Raises an error about an argument of a function of these modules, where that was called: by a program, or by the native that
-- `concurrent` has for it. To be called by the function itself,
-- or by one that is so much deeper.
local function wrong(name, n, text, deeper)
  local level = 3 + (deeper or 0)
  if getinfo(level, 'S').what == 'C' then level = level + 1 end
  error(format("bad argument #%d to '%s' (%s)", n, name, text), level)
end
-- A value as such errors show it.
local function shown(v)
  local kind = type(v)
  if kind == 'string' then return format("string '%s'", #v > 40 and sub(v, 1, 40) .. '...' or v) end
  if kind == 'number' or kind == 'boolean' then return kind .. ' ' .. tostring(v) end
  if kind == 'userdata' then return tostring(v) end
  return kind == 'nil' and 'nil' or 'a ' .. kind
end
-- Raises what `send` has raised: an argument cannot be sent, or there was an interrupt.
local function unsent(name, n, e, deeper)
  local text = type(e) == 'string' and match(e, 'cannot send .*')
  if not text then error(e, 0) end
  wrong(name, n, text, 1 + (deeper or 0))
end
-- A process as texts name it.
local function named(process)
  if type(process) == 'string' then return format("'%s'", process) end
  if type(process) == 'table' then
    return format('%s at %s', named(process[1]), tostring(process[2]))
  end
  return tostring(process)
end
-- Whether a value names a process; else what is wrong with it.
local function is_process(v)
  local first = v
  if type(v) == 'table' then
    first = v[1]
    if v[2] ~= nil and type(v[2]) ~= 'string' then
      return false, 'the node in { name, node } is ' .. shown(v[2]) .. ', and must be a string'
    end
  end
  if type(first) == 'userdata' or type(first) == 'string' then return true end
  return false, 'process (a pid, a name, or { pid or name, node }) expected, got ' .. shown(v)
end
local function is_time(v) return type(v) == 'number' and v >= 0 end

-- The body of the process that waits.
local function wait(process, caller, timeout)
  if not timeout or timeout > LONG then monitor(caller) end
  local is_known, why = pcall(monitor, process)
  if not is_known then exit { failed = why } end
  send(caller, { signal = 'READY', from = self() })
  local ok, m = pcall(receive, timeout)
  if not ok then exit { failed = 'the answer cannot be received: ' .. tostring(m), reason = 'failed' } end
  if not m then exit { late = true } end
  if m.signal == 'REPLY' then
    if m.is_failed then exit { failed = m.failed, reason = m.reason } end
    exit { reply = m.reply, is_reply = true }
  elseif m.signal == 'DOWN' and m.from ~= caller then
    exit { ended = m.reason, is_over = true }
  end
end

-- A call under way: { waiter = the process that waits }. Wherever it is left (an interrupt may come anywhere), nothing of it stays.
local under_way = {
  __close = function(this)
    local waiter = this.waiter
    if waiter then
      demonitor(waiter)
      kill(waiter)
      receive(0, { from = waiter })
    end
  end,
}
local function begin() return setmetatable({}, under_way) end
-- Sends a request. True; or nil, why not, and that as a reason. A name becomes its process, so that who is asked is who is
-- monitored.
local function ask(this, process, request, timeout, control)
  local whom = process
  if type(process) == 'string' then
    whom = whereis(process)
    if not whom then
      return nil, format("there is no process with the name '%s': it has ended, or has not been registered", process), 'noproc'
    end
  end
  local waiter, why = spawnmonitor(wait, whom, self(), timeout)
  if not waiter then return nil, why, 'failed' end
  this.waiter = waiter
  -- It monitors the process before that can end because of the request.
  local m = receive(nil, { from = waiter })
  if m.signal == 'DOWN' then
    local why = type(m.reason) == 'table' and m.reason.failed or m.reason
    return nil, format('%s cannot be monitored: %s', named(process), tostring(why)), 'failed'
  end
  local sent, why = send(whom, { signal = 'CALL', from = self(), to = waiter, request = request, control = control })
  -- That a process has ended is told by its monitor.
  if sent or why == 'no such process' then return true end
  return nil, format('%s cannot be reached: %s', named(process), why), 'noconnection'
end
-- How the process that waits has ended.
local function answered(this)
  local reason = receive(nil, { signal = 'DOWN', from = this.waiter }).reason
  this.waiter = nil
  return reason
end

-- What a request has come to: the reply, or nil, why there is none, and that as a reason.
local function outcome(result, process, timeout)
  if type(result) ~= 'table' then
    return nil, format('the call of %s was ended: %s', named(process), tostring(result)), result
  elseif result.is_reply then
    return result.reply
  elseif result.late then
    return nil, format('%s has not answered within %s ms', named(process), tostring(timeout)), 'timeout'
  elseif result.failed then
    return nil, format('%s: %s', named(process), tostring(result.failed)), result.reason
  elseif result.ended == 'noproc' then
    return nil, format('there is no process %s: it has ended, or never was', named(process)), 'noproc'
  elseif result.ended == 'noconnection' then
    return nil, format('the node of %s cannot be reached, or the connection was lost', named(process)), 'noconnection'
  end
  return nil, format('%s has ended without an answer: %s', named(process), tostring(result.ended)), result.ended
end

-- A time for a call as others keep it: nil for no end.
local function limit(timeout)
  if timeout == nil then return DEFAULT end
  return timeout ~= huge and timeout or nil
end
local function check(name, process, timeout)
  local ok, why = is_process(process)
  if not ok then return 1, why end
  if timeout ~= nil and not is_time(timeout) then
    return 3, 'time in milliseconds expected, got ' .. shown(timeout)
  end
  if process == self() then return 1, 'a process that calls itself would wait for ever' end
end

-- Sends a request and waits for the answer.
local function call(process, request, timeout)
  local n, why = check('call', process, timeout)
  if n then wrong('call', n, why) end
  timeout = limit(timeout)
  local this <close> = begin()
  local ok, sent, why, reason = pcall(ask, this, process, request, timeout)
  if not ok then unsent('call', 2, sent) end
  if not sent then return nil, why, reason end
  local result = answered(this)
  return outcome(result, process, timeout)
end

-- Sends a request that is not answered.
local function cast(process, request)
  local ok, why = is_process(process)
  if not ok then wrong('cast', 1, why) end
  local ok, sent, why = pcall(send, process, { signal = 'CAST', from = self(), request = request })
  if not ok then unsent('cast', 2, sent) end
  if sent then return true end
  return false, why
end

-- Answers a call with a failure: its caller gets nil, the text and the reason.
local function refuse(to, text, reason)
  return send(to.to, { signal = 'REPLY', is_failed = true, failed = text, reason = reason })
end
-- Answers a request: of the process that was called, or of another to which it has given the call.
local function reply(to, value)
  local waiter = type(to) == 'table' and to.to
  if type(waiter) ~= 'userdata' then wrong('reply', 1, 'call expected, got ' .. shown(to)) end
  local ok, sent, why = pcall(send, waiter, { signal = 'REPLY', reply = value })
  if not ok then unsent('reply', 2, sent) end
  if sent then return true end
  return false, why
end

return {
  call = call, cast = cast, reply = reply,
  -- For the other modules.
  refuse = refuse, begin = begin, ask = ask, answered = answered, unsent = unsent, outcome = outcome, limit = limit, is_process = is_process, is_time = is_time,
  named = named, shown = shown, wrong = wrong,
}
