-- `concurrent.channel`: where a sender and a receiver meet (Stackless Python's channels), and `select` over several.
--
-- A channel is a process; a value for it is `{ channel = pid }`. Whoever sends, receives or selects has a process that waits in its
-- place and may be had once: a channel that has found a pair takes hold of both, in the order of their pids, and then gives to the one
-- what the other has; or lets go again, if one of them is had by another channel, has given up, or is gone. So nobody takes part
-- in two meetings, no value is lost by a timeout, and channels that share processes do not wait for each other in a circle.
local c = require 'concurrent'
local calls = require 'concurrent.call'
local self, send, receive, exit, spawn, time = c.self, c.send, c.receive, c.exit, c.spawn, c.time
local spawnmonitor, monitor = c.spawnmonitor, c.monitor
local wrong, shown, is_time = calls.wrong, calls.shown, calls.is_time
local type, tostring, pcall, error, ipairs = type, tostring, pcall, error, ipairs
local format, match, remove, max, huge = string.format, string.match, table.remove, math.max, math.huge

-- The body of the process that waits: it makes its offers to the channels, and ends with what has come of them.
local function wait(caller, offers, timeout)
  local me = self()
  local deadline = timeout and time() + timeout
  monitor(caller)
  for i, offer in ipairs(offers) do
    monitor(offer.channel)
    offer.of, offer.index = me, i
    local ok, why = pcall(send, offer.channel, offer)
    if not ok then exit { of = me, unsent = why, index = i } end
  end
  -- The channel that has hold of it, and those that want it after that; why it ends when it is free.
  local holder, queue, ending = nil, {}, nil
  while true do
    if not holder and ending then exit(ending) end
    local m = receive(not holder and deadline and max(deadline - time(), 0) or nil)
    if not m then exit { of = me, late = true } end
    if m.hold then
      if holder then
        queue[#queue + 1] = m.hold
      else
        holder = m.hold
        send(holder, { from = me, held = true })
      end
    elseif m.met then
      exit { of = me, index = m.met, value = m.value, raise = m.raise }
    elseif m.closed then
      ending = ending or { of = me, closed = true, index = m.closed }
    elseif m.signal == 'DOWN' and m.from == caller then
      exit 'nobody waits'
    elseif m.signal == 'DOWN' then
      for i, offer in ipairs(offers) do
        if offer.channel == m.from then
          local is_closed = m.reason == 'closed' or m.reason == 'noproc'
          ending = ending or { of = me, closed = is_closed, ended = m.reason, index = i }
        end
      end
    end
    -- Let go, or gone.
    if holder and (m.free == holder or m.signal == 'DOWN' and m.from == holder) then
      holder = remove(queue, 1)
      if holder then send(holder, { from = me, held = true }) end
    end
  end
end

-- The channel.

local function remove_of(queue, pid)
  for i = #queue, 1, -1 do
    if queue[i].of == pid then remove(queue, i) end
  end
end
local function forget(s, pid)
  remove_of(s.send, pid)
  remove_of(s.receive, pid)
end
-- Takes hold of one that waits; false: it is had already, or gone.
local function hold(pid)
  send(pid, { hold = self() })
  return receive(nil, { from = pid }).held or false
end
-- Has two meet: true; else the one that is gone.
local function meet(a, b)
  local first, second = a, b
  if tostring(b.of) < tostring(a.of) then first, second = b, a end
  if not hold(first.of) then return first end
  if not hold(second.of) then
    send(first.of, { free = self() })
    return second
  end
  local sender, receiver = a, b
  if a.kind == 'receive' then sender, receiver = b, a end
  send(receiver.of, { met = receiver.index, value = sender.value, raise = sender.raise })
  send(sender.of, { met = sender.index })
  return true
end
local function offered(s, offer)
  local others = offer.kind == 'send' and s.receive or s.send
  monitor(offer.of)
  local i = 1
  while others[i] do
    local other = others[i]
    if other.of == offer.of then
      i = i + 1
    else
      local result = meet(offer, other)
      if result == true then
        forget(s, offer.of)
        forget(s, other.of)
        return
      end
      forget(s, result.of)
      if result == offer then return end
      i = 1
    end
  end
  if s.is_closing then
    send(offer.of, { closed = offer.index })
  else
    local own = s[offer.kind]
    own[#own + 1] = offer
  end
end
local function run(owner)
  monitor(owner)
  local s = { send = {}, receive = {}, is_closing = false }
  repeat
    local m = receive()
    if m.kind then
      offered(s, m)
    elseif m.signal == 'DOWN' then
      if m.from == owner then exit 'closed' end
      forget(s, m.from)
    elseif m.signal == 'CALL' and m.control == 'balance' then
      calls.reply(m, { balance = #s.send - #s.receive, is_closing = s.is_closing })
    elseif m.signal == 'CALL' and m.control == 'close' then
      s.is_closing = true
      for _, offer in ipairs(s.receive) do send(offer.of, { closed = offer.index }) end
      s.receive = {}
      calls.reply(m, true)
    end
  until s.is_closing and #s.send == 0 and #s.receive == 0
  exit 'closed'
end

-- A new channel. It is there as long as its maker, or until it is closed.
local function new()
  local pid, why = spawn(run, self())
  if not pid then return nil, why end
  return { channel = pid }
end
local function is_channel(v) return type(v) == 'table' and type(v.channel) == 'userdata' end

-- Waits for one of several offers: its number and what was received; or nil, why not, that as a reason, and the number of the offer.
local function await(name, offers, timeout)
  local this <close> = calls.begin()
  local waiter, why = spawnmonitor(wait, self(), offers, timeout)
  if not waiter then return nil, why, 'failed' end
  this.waiter = waiter
  local result = calls.answered(this)
  if type(result) ~= 'table' or result.of ~= waiter then
    return nil, 'the wait at the channel was ended: ' .. tostring(result), result
  elseif result.late then
    return nil, format('nobody has come to the channel within %s ms', tostring(timeout)), 'timeout'
  elseif result.closed then
    return nil, 'the channel is closed', 'closed', result.index
  elseif result.ended then
    return nil, 'the channel has ended: ' .. tostring(result.ended), result.ended, result.index
  elseif result.unsent then
    wrong(name, name == 'select' and 1 or 2, match(result.unsent, 'cannot send .*') or result.unsent, 1)
  end
  if result.raise then error(result.value, 0) end
  return result.index, result.value
end
local function check(name, channel, n, timeout)
  if not is_channel(channel) then wrong(name, 1, 'channel expected, got ' .. shown(channel), 1) end
  if timeout ~= nil and not is_time(timeout) then
    wrong(name, n, 'time in milliseconds expected, got ' .. shown(timeout), 1)
  end
  return timeout ~= huge and timeout or nil
end

-- Waits until a receiver takes the value.
local function put(channel, value, timeout)
  local limit = check('send', channel, 3, timeout)
  local index, why, reason = await('send', { { channel = channel.channel, kind = 'send', value = value } }, limit)
  if index then return true end
  return nil, why, reason
end
-- Waits until a sender gives a value.
local function take(channel, timeout)
  local limit = check('receive', channel, 2, timeout)
  local index, value, reason = await('receive', { { channel = channel.channel, kind = 'receive' } }, limit)
  if index then return value end
  return nil, value, reason
end
-- As `send`, of an error: it is raised by the receiver's `receive`.
local function raise(channel, e, timeout)
  local limit = check('raise', channel, 3, timeout)
  local index, why, reason = await('raise', { { channel = channel.channel, kind = 'send', value = e, raise = true } }, limit)
  if index then return true end
  return nil, why, reason
end
-- Waits at several channels, each { receive = channel } or { send = channel, value = value }, for one of them.
local function choose(cases, timeout)
  if type(cases) ~= 'table' or #cases == 0 then
    wrong('select', 1, 'array of { receive = channel } and { send = channel, value = value } expected, got ' .. shown(cases))
  end
  if timeout ~= nil and not is_time(timeout) then
    wrong('select', 2, 'time in milliseconds expected, got ' .. shown(timeout))
  end
  local offers = {}
  for i, case in ipairs(cases) do
    local channel = type(case) == 'table' and (case.send or case.receive)
    if not is_channel(channel) or case.send and case.receive then
      wrong('select', 1, format('case %d is neither { receive = channel } nor { send = channel, value = value }', i))
    end
    offers[i] = { channel = channel.channel, kind = case.send and 'send' or 'receive', value = case.value }
  end
  return await('select', offers, timeout ~= huge and timeout or nil)
end

local function ask(name, channel)
  check(name, channel)
  return calls.outcome(channel.channel, nil, calls.request(channel.channel, nil, nil, name))
end
-- Nobody can begin to wait at it any more. Receivers that wait are told; when all senders that wait have met one, it ends.
local function close(channel)
  local answer, why, reason = ask('close', channel)
  if answer or reason == 'noproc' or reason == 'closed' then return true end
  return nil, why, reason
end
-- How many wait to send, less those who wait to receive; and 'open', 'closing' or 'closed'.
local function balance(channel)
  local answer, why, reason = ask('balance', channel)
  if answer then return answer.balance, answer.is_closing and 'closing' or 'open' end
  if reason == 'noproc' or reason == 'closed' then return 0, 'closed' end
  return nil, why, reason
end
-- For a loop over what comes, until the channel is closed.
local function values(channel)
  check('values', channel)
  return function()
    local index, value, reason = await('receive', { { channel = channel.channel, kind = 'receive' } })
    if index then return value end
    if reason ~= 'closed' then error(value, 2) end
  end
end

return { new = new, send = put, receive = take, raise = raise, select = choose, close = close, balance = balance, values = values }
