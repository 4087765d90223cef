-- test: processes
-- The rows of concurrent.channel in spec/behaviours.md.
local concurrent = require 'concurrent'
local row = require 'modules.rows'
local channel = require 'concurrent.channel'
local spawn, send, receive = concurrent.spawn, concurrent.send, concurrent.receive
local me = concurrent.self()

local function fails(text, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and tostring(e):find(text, 1, true), e)
end
local function balanced(ch, n)
  repeat until channel.balance(ch) == n
end

row('a sender waits for a receiver', function()
  local ch = concurrent.channel()
  spawn(function() assert(channel.send(ch, 'value')) send(me, 'sent') end)
  balanced(ch, 1)
  assert(receive(0) == nil)
  assert(channel.receive(ch) == 'value')
  assert(receive() == 'sent')
  channel.close(ch)
end)
row('a receiver waits for a sender', function()
  local ch = concurrent.channel()
  spawn(function() send(me, { channel.receive(ch) }) end)
  balanced(ch, -1)
  assert(channel.send(ch, 7) == true)
  assert(receive()[1] == 7)
  channel.close(ch)
end)
row('those who wait come in turn', function()
  local ch = concurrent.channel()
  for i = 1, 5 do
    spawn(function() channel.send(ch, i) end)
    balanced(ch, i)
  end
  for i = 1, 5 do assert(channel.receive(ch) == i) end
  for i = 1, 3 do
    spawn(function() send(me, { i, channel.receive(ch) }) end)
    balanced(ch, -i)
  end
  for i = 1, 3 do
    channel.send(ch, i * 10)
    local m = receive()
    assert(m[1] == i and m[2] == i * 10)
  end
  channel.close(ch)
end)
row('balance: senders count up, receivers down', function()
  local ch = concurrent.channel()
  assert(channel.balance(ch) == 0)
  spawn(function() channel.send(ch, 1) end)
  balanced(ch, 1)
  local n, state = channel.balance(ch)
  assert(n == 1 and state == 'open')
  channel.receive(ch)
  assert(channel.balance(ch) == 0)
  channel.close(ch)
end)
row('any value passes, nil too', function()
  local ch = concurrent.channel()
  spawn(function() for _, v in ipairs { false, 'text', { 1, { 2 } } } do channel.send(ch, v) end channel.send(ch, nil) channel.send(ch, ch) end)
  assert(channel.receive(ch) == false and channel.receive(ch) == 'text' and channel.receive(ch)[2][1] == 2)
  local v, why = channel.receive(ch)
  assert(v == nil and why == nil)
  assert(channel.receive(ch).channel == ch.channel)
  channel.close(ch)
end)
row('raise: an error for the receiver', function()
  local ch = concurrent.channel()
  spawn(function() assert(channel.raise(ch, { code = 4 })) channel.send(ch, 'and on') end)
  local ok, e = pcall(channel.receive, ch)
  assert(not ok and e.code == 4)
  assert(channel.receive(ch) == 'and on')
  channel.close(ch)
end)
row('close: nobody can begin to wait', function()
  local ch = concurrent.channel()
  assert(channel.close(ch) == true)
  local ok, why, reason = channel.send(ch, 1)
  assert(ok == nil and reason == 'closed' and why == 'the channel is closed')
  ok, why, reason = channel.receive(ch)
  assert(ok == nil and reason == 'closed')
  local n, state = channel.balance(ch)
  assert(n == 0 and state == 'closed')
  assert(channel.close(ch) == true)
end)
row('close: receivers that wait are told', function()
  local ch = concurrent.channel()
  spawn(function() send(me, { channel.receive(ch) }) end)
  balanced(ch, -1)
  channel.close(ch)
  local m = receive()
  assert(m[1] == nil and m[3] == 'closed')
end)
row('close: senders that wait are still met', function()
  local ch = concurrent.channel()
  for i = 1, 2 do
    spawn(function() send(me, { sent = i, ok = channel.send(ch, i) }) end)
    balanced(ch, i)
  end
  channel.close(ch)
  local n, state = channel.balance(ch)
  assert(n == 2 and state == 'closing')
  local ok, _, reason = channel.send(ch, 3)
  assert(ok == nil and reason == 'closed')
  assert(channel.receive(ch) == 1 and channel.receive(ch) == 2)
  ok, _, reason = channel.receive(ch)
  assert(ok == nil and reason == 'closed')
  assert(receive().ok and receive().ok)
end)
row('values: what comes until it is closed', function()
  local ch = concurrent.channel()
  spawn(function() for i = 1, 5 do channel.send(ch, i) end channel.close(ch) end)
  local sum = 0
  for v in channel.values(ch) do sum = sum + v end
  assert(sum == 15)
end)
row('a timeout gives up, and its value is not taken', function()
  local ch = concurrent.channel()
  local ok, why, reason = channel.send(ch, 'lost', 5)
  assert(ok == nil and reason == 'timeout' and why == 'nobody has come to the channel within 5 ms')
  ok, why, reason = channel.receive(ch, 5)
  assert(ok == nil and reason == 'timeout')
  spawn(function() channel.send(ch, 'good') end)
  assert(channel.receive(ch) == 'good')
  channel.close(ch)
end)
row('no value is lost or doubled by timeouts', function()
  local ch = concurrent.channel()
  spawn(function()
    local sent = 0
    for i = 1, 40 do if channel.send(ch, i, i % 3) then sent = sent + 1 end end
    channel.close(ch)
    send(me, { sent = sent })
  end)
  local n = 0
  while true do
    local v, _, reason = channel.receive(ch, 1)
    if v then n = n + 1 elseif reason == 'closed' then break end
  end
  assert(receive().sent == n)
end)
row('one that waits and is killed is forgotten', function()
  local ch = concurrent.channel()
  local p = spawn(function() channel.send(ch, 'of the dead') end)
  balanced(ch, 1)
  concurrent.kill(p)
  balanced(ch, 0)
  spawn(function() channel.send(ch, 'of the living') end)
  assert(channel.receive(ch) == 'of the living')
  channel.close(ch)
end)
row('a channel ends with its maker', function()
  local maker = spawn(function() send(me, concurrent.channel()) receive() end)
  local ch = receive()
  spawn(function() send(me, { channel.receive(ch) }) end)
  balanced(ch, -1)
  send(maker, 1)
  local m = receive()
  assert(m[1] == nil and m[3] == 'closed')
end)
row('select takes what comes first', function()
  local a, b = concurrent.channel(), concurrent.channel()
  spawn(function() channel.send(b, 'of b') end)
  local i, v = channel.select { { receive = a }, { receive = b } }
  assert(i == 2 and v == 'of b')
  spawn(function() send(me, channel.receive(a)) end)
  i, v = channel.select { { send = a, value = 'to a' }, { receive = b } }
  assert(i == 1 and v == nil and receive() == 'to a')
  balanced(a, 0)
  balanced(b, 0)
  channel.close(a)
  channel.close(b)
end)
row('select: a timeout', function()
  local a = concurrent.channel()
  local i, _, reason = channel.select({ { receive = a } }, 5)
  assert(i == nil and reason == 'timeout')
  balanced(a, 0)
  channel.close(a)
end)
row('select: a closed channel', function()
  local a, b = concurrent.channel(), concurrent.channel()
  channel.close(b)
  local i, _, reason, which = channel.select { { receive = a }, { receive = b } }
  assert(i == nil and reason == 'closed' and which == 2)
  channel.close(a)
end)
row('select on both sides: each meets once', function()
  -- Rings of processes, each of which sends to one channel or receives from another.
  local N, ROUNDS = 4, 6
  local chs = {}
  for i = 1, N do chs[i] = concurrent.channel() end
  for p = 1, N do
    spawn(function()
      local sent, got = 0, 0
      for _ = 1, ROUNDS do
        local i, v = channel.select { { send = chs[p], value = p }, { receive = chs[p % N + 1] } }
        if i == 1 then sent = sent + 1 elseif i == 2 then got = got + 1 end
      end
      send(me, { sent = sent, got = got })
    end)
  end
  -- Whoever is left at the end without a partner is met here.
  local sent, got, ended = 0, 0, 0
  while ended < N do
    local m = receive(5)
    if m then
      sent, got, ended = sent + m.sent, got + m.got, ended + 1
    else
      local cases = {}
      for i = 1, N do
        cases[2 * i - 1] = { receive = chs[i] }
        cases[2 * i] = { send = chs[i], value = 0 }
      end
      local i = channel.select(cases, 5)
      if i then if i % 2 == 1 then got = got + 1 else sent = sent + 1 end end
    end
  end
  assert(sent == got and sent + got >= N * ROUNDS, sent .. ' sent, ' .. got .. ' received')
  for i = 1, N do
    balanced(chs[i], 0)
    channel.close(chs[i])
  end
end)
row('a process does not meet itself', function()
  local a = concurrent.channel()
  local i, _, reason = channel.select({ { send = a, value = 1 }, { receive = a } }, 5)
  assert(i == nil and reason == 'timeout')
  channel.close(a)
end)
row('a wait that cannot end is an error', function()
  local a = concurrent.channel()
  local ok, e = pcall(channel.receive, a)
  assert(not ok and e:find 'deadlock: ', e)
  channel.close(a)
end)
row('wrong arguments are errors', function()
  local a = concurrent.channel()
  fails("bad argument #1 to 'send' (channel expected, got number 5)", function() channel.send(5, 1) end)
  fails("bad argument #3 to 'send' (time in milliseconds expected, got number -1)", function() channel.send(a, 1, -1) end)
  fails("bad argument #2 to 'send' (cannot send", function() channel.send(a, coroutine.create(print)) end)
  fails("bad argument #2 to 'receive' (time in milliseconds expected, got string 'x')", function() channel.receive(a, 'x') end)
  fails("bad argument #1 to 'select' (array of { receive = channel } and { send = channel, value = value } expected, got a table)",
    function() channel.select {} end)
  fails("bad argument #1 to 'select' (case 2 is neither { receive = channel } nor { send = channel, value = value })",
    function() channel.select { { receive = a }, { a } } end)
  channel.close(a)
end)
