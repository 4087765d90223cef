-- Behaviours between two nodes. The other one, far@localhost, is a node without a program.
local concurrent = require 'concurrent'
assert(concurrent.init 'near@localhost')
local server, supervisor, future = require 'concurrent.server', require 'concurrent.supervisor', require 'concurrent.future'
local group, pool = require 'concurrent.group', require 'concurrent.pool'
local call, send, receive = concurrent.call, concurrent.send, concurrent.receive
local FAR, me = 'far@localhost', concurrent.self()
local cases = {}

-- Calls.

function cases.unknown_node()
  local v, why, reason = call({ 'shop', 'nowhere@localhost' }, 1)
  assert(v == nil and reason == 'noconnection' and why:find("'shop' at nowhere@localhost", 1, true), why)
  local p, why, reason = concurrent.server { node = 'nowhere@localhost' }
  assert(p == nil and reason == 'noconnection' and why:find('a server cannot be started at nowhere@localhost: ', 1, true), why)
end
function cases.absent_name()
  local v, why, reason = call({ 'shop', FAR }, 1)
  assert(v == nil and reason == 'noproc', why)
end
function cases.server_at_another_node()
  local p = assert(concurrent.server({ node = FAR, name = 'shop', init = function(n) return { n = n } end,
    call = { where = function() return require('concurrent').node() end, add = function(s, r) s.n = s.n + r[2] return s.n end } }, 5))
  assert(call(p, 'where') == FAR and call({ 'shop', FAR }, { 'add', 2 }) == 7 and call('shop', { 'add', 2 }) == 9)
  -- A late reply is dropped here, too.
  assert(server.change(p, { call = function(s, r) if r == 'slow' then require('concurrent').sleep(30) end return r end }))
  local v, _, reason = call(p, 'slow', 1)
  assert(v == nil and reason == 'timeout')
  assert(call(p, 'now') == 'now' and receive(0) == nil)
  assert(server.stop(p))
end
function cases.order_of_large_casts_and_calls()
  local p = assert(concurrent.server { node = FAR, state = { n = 0 }, cast = function(s, r) s.n = s.n + #r end, call = function(s) return s.n end })
  local text = ('x'):rep(300000)
  for i = 1, 5 do
    concurrent.cast(p, text)
    assert(call(p, 'get') == i * #text)
  end
  assert(server.stop(p))
end
function cases.futures_and_maps()
  local out = concurrent.map({ 1, 2, 3, 4, 5, 6 }, function(x) return { x * x, require('concurrent').node() } end, { nodes = { 'near@localhost', FAR }, workers = 2 })
  local seen = {}
  for i, v in ipairs(out) do
    assert(v[1] == i * i)
    seen[v[2]] = true
  end
  assert(seen[FAR])
end
function cases.pool_over_nodes()
  local p = assert(concurrent.pool { size = 2, nodes = { 'near@localhost', FAR }, work = function(_, x)
    require('concurrent').sleep(20)
    return require('concurrent').node()
  end })
  local f, seen = {}, {}
  for i = 1, 6 do f[i] = future.call(p, i) end
  for i = 1, 6 do seen[assert(future.get(f[i]))] = true end
  assert(seen[FAR] and seen['near@localhost'])
  assert(pool.stop(p))
end

-- Moves.

function cases.servers_and_supervisors_move()
  local s = assert(concurrent.supervisor { name = 'top', intensity = 10, children = {
    { id = 'a', server = { name = 'a', state = { n = 0 }, call = function(s) s.n = s.n + 1 return { s.n, concurrent.node() } end,
      cast = function() concurrent.exit 'broken' end } },
    { id = 'b', body = function() receive(nil, { signal = 'never' }) end },
  } })
  assert(call('a', 1)[1] == 1)
  local function pid_of(id)
    for _, c in ipairs(assert(supervisor.children 'top')) do if c.id == id then return c.pid end end
  end
  local a, b = pid_of 'a', pid_of 'b'
  -- A server moves, with what waits for it, and answers from there.
  local f = {}
  for i = 1, 10 do f[i] = future.call(a, 1) end
  assert(concurrent.migrate(a, FAR))
  for i = 1, 10 do assert(future.get(f[i])[1] == i + 1) end
  local answer = call('a', 1)
  assert(answer[1] == 12 and answer[2] == FAR)
  -- Its supervisor, who is here, starts it again if it ends there.
  concurrent.cast(a, 1)
  repeat answer = call('a', 1) until answer
  assert(answer[1] == 1 and answer[2] == 'near@localhost' and pid_of 'a' ~= a and pid_of 'b' == b)
  -- The supervisor moves; its children are here, and it starts them where it is.
  assert(concurrent.migrate(s, FAR))
  assert(pid_of 'b' == b)
  concurrent.kill(b)
  repeat until (pid_of 'b' or b) ~= b
  concurrent.cast('a', 1)
  repeat answer = call('a', 1) until answer
  assert(answer[2] == FAR, 'a supervisor starts children where it is')
  -- And to and fro while it is asked.
  for i = 1, 6 do
    assert(concurrent.migrate(s, i % 2 == 1 and 'near@localhost' or FAR))
    assert(#assert(supervisor.children(s)) == 2)
  end
  a, b = pid_of 'a', pid_of 'b'
  concurrent.monitor(a)
  concurrent.monitor(b)
  assert(supervisor.stop(s))
  local down = { [receive().from] = true, [receive().from] = true }
  assert(down[a] and down[b])
end
function cases.callers_channels_and_pools_move()
  local p = assert(concurrent.server { call = function(_, r, from) if r == 'later' then return nil, { noreply = true, state = from } end end,
    cast = function(from) concurrent.reply(from, 'at last') end })
  -- A caller moves in the middle of a call.
  local caller = concurrent.spawn(function()
    local v = call(p, 'later', math.huge)
    send(me, { v, concurrent.node() })
  end)
  repeat until server.state(p)
  assert(concurrent.migrate(caller, FAR))
  concurrent.cast(p, 1)
  local m = receive()
  assert(m[1] == 'at last' and m[2] == FAR)
  assert(server.stop(p))
  local channel = require 'concurrent.channel'
  local ch = concurrent.channel()
  local sender = concurrent.spawn(function() for i = 1, 10 do assert(channel.send(ch, i)) end end)
  for i = 1, 10 do
    assert(channel.receive(ch) == i)
    if i == 3 then assert(concurrent.migrate(ch.channel, FAR)) end
    if i == 6 then concurrent.migrate(sender, FAR) end
  end
  channel.close(ch)
  local q = assert(concurrent.pool { size = 2, work = function(_, x) return x end })
  assert(call(q, 1) == 1)
  assert(concurrent.migrate(q, FAR))
  for i = 1, 10 do assert(call(q, i) == i) end
  assert(pool.stop(q))
end

-- Groups.

local function members(name)
  local t = {}
  for i, pid in ipairs(assert(group.members(name))) do t[i] = tostring(pid) end
  table.sort(t)
  return table.concat(t, ' ')
end
function cases.groups()
  local function body(me)
    local c = require 'concurrent'
    require('concurrent.group').join 'workers'
    c.send(me, { joined = c.self() })
    while true do
      local m = c.receive()
      if m == 'end' then return end
      c.send(me, { m, c.self() })
    end
  end
  local a, b = concurrent.spawn(body, me), assert(concurrent.spawn(FAR, body, me))
  receive(nil, function(m) return m.joined end)
  receive(nil, function(m) return m.joined end)
  local both = { tostring(a), tostring(b) }
  table.sort(both)
  repeat until members 'workers' == table.concat(both, ' ')
  assert(#group.localmembers 'workers' == 1)
  assert(group.multicast('workers', 'hello') == 2)
  receive(nil, function(m) return m[1] == 'hello' end)
  receive(nil, function(m) return m[1] == 'hello' end)
  -- One that ends there leaves here, and whoever watches is told.
  group.monitor 'workers'
  send(b, 'end')
  local m = receive()
  assert(m.signal == 'GROUP' and m.event == 'leave' and m.processes[1] == b)
  -- A member that moves stays one.
  assert(concurrent.migrate(a, FAR))
  assert(members 'workers' == tostring(a) and group.multicast('workers', 'there') == 1)
  m = receive()
  assert(m[1] == 'there')
  -- A node that is lost takes its members along.
  local c = concurrent.spawn(FAR, body, me)
  repeat until receive().signal == 'GROUP'
  print 'kill'
  repeat m = receive() until m.signal == 'GROUP' and m.event == 'leave' and m.processes[1] == c
  repeat until members 'workers' == ''
  group.demonitor 'workers'
end

for _, name in ipairs { ... } do
  cases[name]()
  -- What moved or was made elsewhere tells of its end a little later.
  local m = receive(0)
  assert(m == nil, name .. ': a message is left: ' .. tostring(type(m) == 'table' and (m.signal or m[1]) or m))
end
print 'all is well'
os.exit(0)
