-- `concurrent.call`, `cast` and `reply`: a request to a process, and its answer.
--
-- A call is a number under which its caller monitors the process. An answer to that number, or the end of the process, is what it
-- comes to; all else that still comes of it is dropped by the runtime (concurrent/call.rs), so that nothing of a call is ever in the
-- caller's mailbox, and monitors that the caller has of the process stay as they are.
local ask, answer, keep, give_up, refuse, is_awaited = ...
local c = require 'concurrent'
local self, send, receive, kill, demonitor, reply = c.self, c.send, c.receive, c.kill, c.demonitor, c.reply
local type, tostring, pcall, error, setmetatable, getinfo = type, tostring, pcall, error, setmetatable, debug.getinfo
local format, match, sub, huge = string.format, string.match, string.sub, math.huge

-- Milliseconds that a call waits if it does not say how long (as OTP's gen_server).
local DEFAULT = 5000

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

-- A process that waits for something in its maker's place, and ends with what has come of it: { waiter = its pid }. Wherever that
-- wait is left (an interrupt may come anywhere), nothing of it stays.
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
-- How the process that waits has ended.
local function answered(this)
  local reason = receive(nil, { signal = 'DOWN', from = this.waiter }).reason
  this.waiter = nil
  return reason
end

-- Sends a request and waits for what it comes to: true and the answer; else what it was, and more of it. `control` is what a
-- behaviour is asked for beside the calls of programs.
local function request(process, value, timeout, control)
  local id, why = ask(process, value, control, timeout)
  if id then return answer(id) end
  if id == false then return 'unsent', why end
  if why then return 'unreachable', why end
  return 'absent'
end
-- What a request has come to, for people and programs: the answer, or nil, why there is none, and that as a reason.
local function outcome(process, timeout, kind, v)
  if kind == true then
    return v
  elseif kind == 'ended' then
    if v == 'noproc' then
      return nil, format('there is no process %s: it has ended, or never was', named(process)), 'noproc'
    elseif v == 'noconnection' then
      return nil, format('the node of %s cannot be reached, or the connection was lost', named(process)), 'noconnection'
    end
    return nil, format('%s has ended without an answer: %s', named(process), tostring(v)), v
  elseif kind == 'late' then
    return nil, format('%s has not answered within %s ms', named(process), tostring(timeout)), 'timeout'
  elseif kind == 'refused' then
    return nil, format('%s: %s', named(process), tostring(v.failed)), v.reason
  elseif kind == 'absent' then
    return nil, format("there is no process with the name %s: it has ended, or has not been registered", named(process)), 'noproc'
  elseif kind == 'unreachable' then
    return nil, format('%s cannot be reached: %s', named(process), v), 'noconnection'
  end
  return nil, format('%s: the answer cannot be received: %s', named(process), v), 'failed'
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
local function call(process, value, timeout)
  local n, why = check('call', process, timeout)
  if n then wrong('call', n, why) end
  timeout = limit(timeout)
  local kind, v = request(process, value, timeout)
  if kind == true then return v end
  if kind == 'unsent' then wrong('call', 2, v) end
  return outcome(process, timeout, kind, v)
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

return {
  call = call, cast = cast, reply = reply,
  -- For the other modules.
  ask = ask, answer = answer, keep = keep, give_up = give_up, refuse = refuse, is_awaited = is_awaited, request = request,
  outcome = outcome, begin = begin, answered = answered, unsent = unsent, limit = limit, is_process = is_process,
  is_time = is_time, named = named, shown = shown, wrong = wrong,
}
