-- Sends to a node that the system has stopped, beside one that goes on.
local c = require 'concurrent'
c.setoption('keepalivetimeout', 2000)
local stopped, other = 'stopped@localhost', 'other@localhost'
local me = c.self()

-- The same at both: who asks gets the number of the operating system's process.
local function serve(me)
  local c = require 'concurrent'
  c.send(me, { from = c.self(), pid = io.popen('echo $PPID'):read('n') })
  while true do
    local m = c.receive()
    if type(m) == 'table' then c.send(m.from, m.value) end
  end
end
local sink, echo = c.spawn(stopped, serve, me), c.spawn(other, serve, me)
local pid
for _ = 1, 2 do
  local m = c.receive()
  pid = m.from == sink and m.pid or pid
end
local function stop(signal) assert(os.execute(('kill -%s %d'):format(signal, pid))) end
c.monitornode(stopped)
stop 'STOP'

local body = string.rep('x', 10000)
c.spawn(function()
  while c.send(sink, body) do c.send(me, { sent = 1 }) end
end)
-- The other node is asked all the time.
local asked, sent = 0, 0
c.send(echo, { from = me, value = 'ping' })
while true do
  local m = c.receive()
  if m == 'ping' then
    asked = asked + 1
    c.send(echo, { from = me, value = 'ping' })
  elseif m.sent then
    sent = sent + 1
  else
    assert(m.signal == 'NODEDOWN' and m.from == stopped, m.signal)
    print(m.reason)
    break
  end
end
stop 'CONT'
-- What waits here, and what the system takes for both sides.
assert(sent * #body < 12 << 20, sent)
assert(sent * #body >= 1 << 20, sent)
assert(asked > 20, asked)
print 'all is well'
os.exit(0)
