-- messages: rates of messages between processes; benches/erlang.py runs it beside messages.erl.
-- arg[1] = ring, pingpong, pingpong-table, fanin or bigmsg; arg[2] = how many
local c = require 'concurrent'
local kind, n = arg[1] or 'ring', tonumber(arg[2] or 200000)

local kinds = {}
function kinds.ring(done)
  local MEMBERS = 1000
  local function member(next_one)
    while true do
      local left = c.receive()
      if left == 0 then c.send(done, 'done') else c.send(next_one, left - 1) end
    end
  end
  local function first() member(c.receive()) end
  local head = c.spawn(first)
  local last = head
  for _ = 2, MEMBERS do last = c.spawn(member, last) end
  c.send(head, last)
  return function()
    c.send(head, n)
    c.receive()
  end
end
local function echo() while true do local m = c.receive() c.send(m.from, m) end end
kinds['pingpong-table'] = function(me)
  local other = c.spawn(echo)
  return function()
    for i = 1, n do
      c.send(other, { from = me, tag = 'ping', n = i })
      assert(c.receive().n == i)
    end
  end
end
function kinds.pingpong(me)
  local other = c.spawn(function() while true do c.send(me, c.receive()) end end)
  return function()
    for i = 1, n do
      c.send(other, i)
      assert(c.receive() == i)
    end
  end
end
function kinds.fanin(me)
  local SENDERS = 100
  return function()
    for id = 1, SENDERS do
      c.spawn(function() for i = 1, n // SENDERS do c.send(me, { id, i }) end end)
    end
    local sum = 0
    for _ = 1, n // SENDERS * SENDERS do sum = sum + c.receive()[2] end
  end
end
function kinds.bigmsg(me)
  local list = {}
  for i = 1, 1000 do list[i] = i end
  local sink = c.spawn(function()
    while true do
      local m = c.receive()
      if m.ack then c.send(m.ack, 'ack') end
    end
  end)
  return function()
    for i = 1, n do
      c.send(sink, list)
      if i % 100 == 0 then
        c.send(sink, { ack = me })
        c.receive()
      end
    end
  end
end

c.spawn(function()
  local run = kinds[kind](c.self())
  local start = c.time()
  run()
  print(('%s rate=%.0f'):format(kind, n / (c.time() - start) * 1000))
  os.exit(0)
end)
c.loop()
