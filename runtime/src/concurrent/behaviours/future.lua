-- `concurrent.future`: a value that is being computed (Io's futures). A future is a table of plain values; what computes it is a
-- process that ends with it, so that nothing is left of one that nobody wants any more.
local c = require 'concurrent'
local calls = require 'concurrent.call'
local self, receive, exit, kill, spawnmonitor, demonitor = c.self, c.receive, c.exit, c.kill, c.spawnmonitor, c.demonitor
local wrong, shown, is_time = calls.wrong, calls.shown, calls.is_time
local type, tostring, pcall, pairs = type, tostring, pcall, pairs
local format, huge = string.format, math.huge
local time = c.time

-- The body of the process that computes.
local function compute(f, ...)
  local ok, v = pcall(f, ...)
  exit { of = self(), ok = ok, value = v }
end
-- Computes f(...) in a process of its own.
local function new(f, ...)
  if type(f) ~= 'function' then wrong('future', 1, 'function expected, got ' .. shown(f)) end
  local pid, why = spawnmonitor(compute, f, ...)
  if not pid then return nil, why end
  return { pid = pid, owner = self() }
end
-- Sends a request to a process, as concurrent.call does, and goes on; the reply is the value.
local function call(process, request, timeout)
  local ok, why = calls.is_process(process)
  if not ok then wrong('call', 1, why) end
  if timeout ~= nil and not is_time(timeout) then wrong('call', 3, 'time in milliseconds expected, got ' .. shown(timeout)) end
  local limit = calls.limit(timeout)
  local id, why = calls.ask(process, request, nil, limit)
  if id then
    calls.keep()
    return { call = id, owner = self(), process = process, timeout = limit }
  end
  if id == false then wrong('call', 2, why) end
  local _, text, reason = calls.outcome(process, limit, why and 'unreachable' or 'absent', why)
  return { owner = self(), is_ready = true, why = text, reason = reason }
end

-- Takes what its process has ended with, or its call has come to, if that has come within the time.
local function is_ready_within(future, timeout)
  if future.is_ready then return true end
  if future.call then
    local kind, v = calls.answer(future.call, timeout)
    if kind == nil then return false end
    future.value, future.why, future.reason = calls.outcome(future.process, future.timeout, kind, v)
    future.is_ready = true
    return true
  end
  local down = receive(timeout, { signal = 'DOWN', from = future.pid })
  if not down then return false end
  local result = down.reason
  if type(result) == 'table' and result.of == future.pid then
    if result.ok then
      future.value = result.value
    else
      future.why, future.reason = 'the future has failed: ' .. tostring(result.value), result.value
    end
  else
    future.why, future.reason = 'the process of the future has ended: ' .. tostring(result), result
  end
  future.is_ready = true
  return true
end
-- What is wrong with an argument that is to be a future of the caller.
local function fault(future)
  if type(future) ~= 'table' or future.owner == nil then return 'future expected, got ' .. shown(future) end
  if future.owner ~= self() then
    return format('this future is of %s, and only that process can wait for it', tostring(future.owner))
  end
end
-- Its value, when there is one; or nil, why not, and that as a reason. After a timeout it can be asked again.
local function get(future, timeout)
  local why = fault(future)
  if why then wrong('get', 1, why) end
  if timeout ~= nil and not is_time(timeout) then wrong('get', 2, 'time in milliseconds expected, got ' .. shown(timeout)) end
  if not is_ready_within(future, timeout ~= huge and timeout or nil) then
    return nil, format('the future is not ready after %s ms', tostring(timeout)), 'timeout'
  end
  if future.why then return nil, future.why, future.reason end
  return future.value
end
-- Whether its value can be had without waiting.
local function isready(future)
  local why = fault(future)
  if why then wrong('isready', 1, why) end
  return is_ready_within(future, 0)
end
-- Nobody wants it any more: what computes it is ended.
local function cancel(future)
  local why = fault(future)
  if why then wrong('cancel', 1, why) end
  if future.is_ready then return false end
  if future.call then
    calls.give_up(future.call)
  else
    demonitor(future.pid)
    kill(future.pid)
  end
  future.is_ready, future.why, future.reason = true, 'the future was cancelled', 'cancelled'
  return true
end
-- The values of several, in a table with the same keys; or nil, why not, a reason, and the key of the one that has failed.
local function all(futures, timeout)
  if type(futures) ~= 'table' then wrong('all', 1, 'table of futures expected, got ' .. shown(futures)) end
  if timeout ~= nil and not is_time(timeout) then wrong('all', 2, 'time in milliseconds expected, got ' .. shown(timeout)) end
  local deadline = timeout and timeout ~= huge and time() + timeout
  local values = {}
  for key, future in pairs(futures) do
    local why = fault(future)
    if why then wrong('all', 1, format('at %s: %s', tostring(key), why)) end
    local left = deadline and deadline - time()
    local v, why, reason = get(future, left and (left > 0 and left or 0))
    if why then return nil, why, reason, key end
    values[key] = v
  end
  return values
end

return { new = new, call = call, get = get, isready = isready, cancel = cancel, all = all }
