-- Messages between two nodes, of one kind: arg: "server" own name, or "client" own name, server's name, kind, number.
-- Kinds: trips (there and back), small (one way), big (one way, 1 KB each). nodes.erl is the same in Erlang.
local c = require 'concurrent'

local function server()
  c.register('server', c.self())
  local count = 0
  while true do
    local m = c.receive()
    if m.tag == 'ping' then
      c.send(m.from, { tag = 'pong', n = m.n })
    elseif m.tag == 'one' then
      count = count + 1
    elseif m.tag == 'count' then
      c.send(m.from, { count = count, cpu = os.clock() })
      count = 0
    elseif m.tag == 'stop' then
      os.exit(0)
    end
  end
end

local function client(to, kind, n)
  local me = c.self()
  local function count()
    c.send(to, { tag = 'count', from = me })
    local m = c.receive()
    return m.count, m.cpu + os.clock()
  end
  local _, cpu = count()
  local time = c.time()
  if kind == 'trips' then
    for i = 1, n do
      c.send(to, { tag = 'ping', from = me, n = i })
      assert(c.receive().n == i)
    end
  else
    local body = kind == 'small' and 1 or string.rep('x', 1024)
    for _ = 1, n do c.send(to, { tag = 'one', body = body }) end
    assert(count() == n)
  end
  time = c.time() - time
  local _, after = count()
  print(('rate=%.0f cpu=%.3f'):format(n / time * 1000, (after - cpu) / n * 1e6))
  c.send(to, { tag = 'stop' })
  os.exit(0)
end

assert(c.init(arg[2]))
if arg[1] == 'server' then
  c.spawn(server)
  print 'ready'
else
  c.spawn(client, { 'server', arg[3] }, arg[4], tonumber(arg[5]))
end
c.loop()
