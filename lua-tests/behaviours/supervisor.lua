-- test: processes
-- test: stderr=the last of child 'a': storm
-- The rows of concurrent.supervisor in spec/behaviours.md.
local concurrent = require 'concurrent'
local row = require 'modules.rows'
local supervisor, server = require 'concurrent.supervisor', require 'concurrent.server'
local send, receive, call = concurrent.send, concurrent.receive, concurrent.call
local me = concurrent.self()
local NEVER = 1000000

-- A child that says when it begins and, if it is ended in order, when it ends; and ends as it is told.
local function child(id, t)
  t = t or {}
  t.id = id
  if not t.body then
    t.server = {
      init = function() send(me, { up = id, pid = concurrent.self() }) end,
      terminate = function(_, reason) send(me, { down = id, reason = reason }) end,
      info = function(_, m)
        if m.exit == nil then return { stop = 'normal' } end
        concurrent.exit(m.exit)
      end,
    }
  end
  return t
end
local pids = {}
-- Takes what children say, which is to be this: '+a' it has begun, '-a' it has ended.
local function said(text)
  local heard = {}
  for i in text:gmatch '%S+' do
    local m = receive(20000, function(m) return m.up or m.down end)
    assert(m, 'expected ' .. text .. ', heard ' .. table.concat(heard, ' '))
    heard[#heard + 1] = m.up and '+' .. m.up or '-' .. m.down
    if m.up then pids[m.up] = m.pid end
  end
  heard = table.concat(heard, ' ')
  assert(heard == text, 'expected ' .. text .. ', heard ' .. heard)
end
local function children(s)
  local t = {}
  for i, c in ipairs(supervisor.children(s)) do t[i] = c.id .. ' ' .. c.status end
  return table.concat(t, ', ')
end
local function start(t) return assert(concurrent.supervisor(t)) end
local function ended(pid)
  concurrent.monitor(pid)
  return receive(20000, { signal = 'DOWN', from = pid }).reason
end
local function fails(text, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(text, 1, true), e)
end

-- Start and end.

row('children are started in order, and ended in reverse', function()
  local s = start { children = { child 'a', child 'b', child 'c' } }
  said '+a +b +c'
  assert(children(s) == 'a running, b running, c running')
  assert(supervisor.stop(s))
  said '-c -b -a'
end)
row('a child that does not start: those before it are ended, and start returns why', function()
  local s, why, reason = concurrent.supervisor { children = { child 'a', { id = 'b', server = { init = function() return nil, { stop = 'no disk' } end } }, child 'c' } }
  assert(s == nil and reason == 'no disk' and why:find("child 'b' has not started: ", 1, true), why)
  said '+a -a'
end)
row('a name', function()
  local s = start { name = 'top', children = { child 'a' } }
  said '+a'
  assert(children 'top' == 'a running')
  local other, why, reason = concurrent.supervisor { name = 'top' }
  assert(other == nil and reason == 'taken')
  assert(supervisor.stop 'top')
  said '-a'
end)
row('children: bodies, servers, supervisors, functions that start them', function()
  local s = start { children = {
    child('a', { body = function()
      local said <close> = setmetatable({}, { __close = function(_, e) send(me, { down = 'a', reason = e }) end })
      send(me, { up = 'a', pid = concurrent.self() })
      receive()
    end }),
    { id = 'b', server = { init = function(x) return x end, call = function(x) return x end }, arguments = { 5 } },
    { id = 'c', supervisor = { children = { child 'd' } } },
    { id = 'e', start = function(x) return concurrent.spawn(function() receive(nil, { x = x }) end) end, arguments = { 6 } },
  } }
  receive(nil, function(m) return m.up == 'a' end)
  said '+d'
  local all = supervisor.children(s)
  assert(call(all[2].pid, 1) == 5 and all[3].type == 'supervisor' and children(all[3].pid) == 'd running')
  local n = supervisor.count(s)
  assert(n.specs == 4 and n.active == 4 and n.supervisors == 1 and n.workers == 3)
  assert(supervisor.stop(s))
  said '-d -a'
end)

-- Strategies.

local function of_strategy(name, what)
  row(name, function()
    local s = start { strategy = name, children = { child 'a', child 'b', child 'c', child 'd' } }
    said '+a +b +c +d'
    send(pids.b, { exit = 'broken' })
    said('-b ' .. what)
    assert(children(s) == 'a running, b running, c running, d running')
    assert(supervisor.stop(s))
    said '-d -c -b -a'
  end)
end
of_strategy('one_for_one', '+b')
of_strategy('one_for_all', '-d -c -a +a +b +c +d')
of_strategy('rest_for_one', '-d -c +b +c +d')

-- Kinds of restart.

row('permanent: always', function()
  local s = start { intensity = 10, children = { child 'a' } }
  said '+a'
  for _, reason in ipairs { 'normal', 'shutdown', 'broken' } do
    send(pids.a, { exit = reason })
    said '-a +a'
  end
  assert(supervisor.stop(s))
  said '-a'
end)
row('transient: after an abnormal end', function()
  local s = start { intensity = 10, children = { child('a', { restart = 'transient' }) } }
  said '+a'
  send(pids.a, { exit = 'broken' })
  said '-a +a'
  for _, reason in ipairs { 'normal', 'shutdown', { shutdown = 'enough' } } do
    send(pids.a, { exit = reason })
    said '-a'
    repeat until children(s) == 'a stopped'
    assert(supervisor.restartchild(s, 'a'))
    said '+a'
  end
  send(pids.a, {})
  said '-a'
  repeat until children(s) == 'a stopped'
  assert(supervisor.stop(s))
end)
row('temporary: never, and it is forgotten', function()
  local s = start { children = { child('a', { restart = 'temporary' }), child 'b' } }
  said '+a +b'
  send(pids.a, { exit = 'broken' })
  said '-a'
  repeat until children(s) == 'b running'
  assert(supervisor.stop(s))
  said '-b'
end)
row('temporary: ended with others, it does not come back', function()
  local s = start { strategy = 'one_for_all', children = { child 'a', child('b', { restart = 'temporary' }) } }
  said '+a +b'
  send(pids.a, { exit = 'broken' })
  said '-a -b +a'
  assert(children(s) == 'a running')
  assert(supervisor.stop(s))
  said '-a'
end)
row('a killed child is restarted', function()
  local s = start { children = { child('a', { restart = 'transient' }) } }
  said '+a'
  concurrent.kill(pids.a)
  said '+a'
  assert(supervisor.stop(s))
  said '-a'
end)

-- Limits.

row('intensity: one restart more than it within the period ends the supervisor with shutdown', function()
  local s = start { intensity = 2, period = NEVER, children = { child 'b', child 'a' } }
  concurrent.monitor(s)
  said '+b +a'
  for _ = 1, 2 do
    send(pids.a, { exit = 'broken' })
    said '-a +a'
  end
  send(pids.a, { exit = 'storm' })
  said '-a -b'
  assert(receive(nil, { signal = 'DOWN' }).reason == 'shutdown')
end)
row('intensity: 0', function()
  local s = start { intensity = 0, children = { child 'a' } }
  said '+a'
  concurrent.monitor(s)
  send(pids.a, { exit = 'broken' })
  said '-a'
  assert(receive(nil, { signal = 'DOWN' }).reason == 'shutdown')
end)
row('intensity: restarts that are past the period do not count', function()
  local s = start { intensity = 1, period = 20, children = { child 'a' } }
  said '+a'
  for _ = 1, 4 do
    send(pids.a, { exit = 'broken' })
    said '-a +a'
    concurrent.sleep(30)
  end
  assert(supervisor.stop(s))
  said '-a'
end)
row('intensity: the defaults are 1 restart in 5000 ms', function()
  local s = start { children = { child 'a' } }
  said '+a'
  concurrent.monitor(s)
  send(pids.a, { exit = 'broken' })
  said '-a +a'
  send(pids.a, { exit = 'broken' })
  said '-a'
  assert(receive(nil, { signal = 'DOWN' }).reason == 'shutdown')
end)
row('a restart that fails is tried again, and counts', function()
  local s
  concurrent.spawn(function()
    s = concurrent.supervisor { intensity = 3, period = NEVER, children = { { id = 'a', server = {
      init = function()
        send(me, { up = 'a', pid = concurrent.self() })
        if not receive().good then return nil, { stop = 'not yet' } end
      end,
      cast = function() concurrent.exit 'broken' end } } } }
    send(me, { supervisor = s })
  end)
  said '+a'
  send(pids.a, { good = true })
  s = receive(nil, function(m) return m.supervisor end).supervisor
  concurrent.monitor(s)
  concurrent.cast(pids.a, 1)
  for _ = 1, 2 do
    said '+a'
    send(pids.a, { good = false })
  end
  said '+a'
  send(pids.a, { good = true })
  repeat until children(s) == 'a running'
  concurrent.cast(pids.a, 1)
  assert(receive(nil, { signal = 'DOWN', from = s }).reason == 'shutdown')
end)
row('backoff: restarts wait, each longer than the one before', function()
  local s = start { intensity = 5, period = NEVER, backoff = { first = 10, factor = 3, most = 40 }, children = { child 'a', child 'b' } }
  said '+a +b'
  for _, least in ipairs { 10, 30, 40, 40 } do
    local from = concurrent.time()
    send(pids.a, { exit = 'broken' })
    said '-a'
    -- It answers meanwhile.
    local status = children(s)
    assert(status == 'a restarting, b running' or status == 'a running, b running', status)
    said '+a'
    local took = concurrent.time() - from
    assert(took >= least - 0.001, took)
  end
  assert(supervisor.stop(s))
  said '-b -a'
end)
row('backoff: a waiting child is ended with the others', function()
  local s = start { intensity = 5, backoff = { first = NEVER }, children = { child 'a', child 'b' } }
  said '+a +b'
  send(pids.a, { exit = 'broken' })
  said '-a'
  repeat until children(s) == 'a restarting, b running'
  local ok, why, reason = supervisor.restartchild(s, 'a')
  assert(ok == nil and reason == 'restarting')
  assert(supervisor.stop(s))
  said '-b'
end)

-- How children are ended.

row('shutdown: a child that traps exits is told, and ends by itself', function()
  local s = start { children = { { id = 'a', server = { trapexit = true, terminate = function(_, reason) send(me, { down = 'a', reason = reason }) end } } } }
  assert(supervisor.stop(s))
  local m = receive()
  assert(m.down == 'a' and m.reason == 'shutdown')
end)
row('shutdown: one that takes too long is killed', function()
  local s = start { children = { child('a', { shutdown = 20, body = function()
    concurrent.setoption('trapexit', true)
    send(me, { up = 'a', pid = concurrent.self() })
    while true do receive(nil, { signal = 'never' }) end
  end }) } }
  said '+a'
  concurrent.monitor(pids.a)
  assert(supervisor.stop(s))
  assert(receive().reason == 'killed')
end)
row('shutdown: kill runs nothing of the child', function()
  local s = start { children = { child('a', { shutdown = 'kill' }) } }
  said '+a'
  concurrent.monitor(pids.a)
  assert(supervisor.stop(s))
  assert(receive().reason == 'killed')
end)
row('a supervisor that is killed takes its children along', function()
  local s = start { children = { child 'a', { id = 'c', supervisor = { children = { child 'b' } } }, { id = 'd', server = { trapexit = true } } } }
  said '+a +b'
  local all = supervisor.children(s)
  for _, pid in ipairs { pids.a, pids.b, all[2].pid, all[3].pid } do concurrent.monitor(pid) end
  concurrent.kill(s)
  local reasons = {}
  for _ = 1, 6 do
    local m = receive(20000)
    reasons[#reasons + 1] = m.signal == 'DOWN' and tostring(m.reason) or '-' .. m.down
  end
  table.sort(reasons)
  assert(table.concat(reasons, ' ') == '-a -b killed killed killed shutdown' or table.concat(reasons, ' ') == '-a -b killed killed killed killed',
    table.concat(reasons, ' '))
end)
row('an end of its parent ends a linked supervisor, and its children in order', function()
  local parent = concurrent.spawn(function()
    send(me, { linked = supervisor.startlink { children = { child 'a', child 'b' } } })
    receive()
    concurrent.exit 'over'
  end)
  said '+a +b'
  local s = receive().linked
  concurrent.monitor(s)
  send(parent, 1)
  said '-b -a'
  assert(receive().reason == 'over')
end)
row('what links bring of its children ends no supervisor', function()
  local s = start { intensity = 10, children = { child('a', { restart = 'temporary' }), child 'b' } }
  said '+a +b'
  send(pids.a, { exit = 'shutdown' })
  said '-a'
  repeat until children(s) == 'b running'
  send(pids.b, { exit = 'shutdown' })
  said '-b +b'
  assert(children(s) == 'b running')
  assert(supervisor.stop(s))
  said '-b'
end)

-- Children that come and go.

row('startchild', function()
  local s = start {}
  local pid = supervisor.startchild(s, child 'a')
  said '+a'
  assert(pid == pids.a and children(s) == 'a running')
  local p, why, reason = supervisor.startchild(s, child 'a')
  assert(p == nil and reason == 'already_started', why)
  assert(supervisor.terminatechild(s, 'a'))
  said '-a'
  p, why, reason = supervisor.startchild(s, child 'a')
  assert(p == nil and reason == 'already_present', why)
  p, why, reason = supervisor.startchild(s, { id = 'b', start = function() error('no disk', 0) end })
  assert(p == nil and why == "child 'b' has not started: no disk", why)
  assert(children(s) == 'a stopped')
  assert(supervisor.definition(s, 'a').id == 'a')
  assert(supervisor.stop(s))
end)
row('terminatechild, restartchild, deletechild', function()
  local s = start { children = { child 'a', child('b', { restart = 'temporary' }) } }
  said '+a +b'
  local function refused(expected, ok, why, reason) assert(ok == nil and reason == expected, why) end
  refused('running', supervisor.deletechild(s, 'a'))
  refused('running', supervisor.restartchild(s, 'a'))
  for _, f in ipairs { supervisor.terminatechild, supervisor.restartchild, supervisor.deletechild, supervisor.definition } do
    refused('not_found', f(s, 'x'))
  end
  assert(supervisor.terminatechild(s, 'a') == true)
  said '-a'
  assert(supervisor.terminatechild(s, 'a') == true)
  assert(supervisor.restartchild(s, 'a'))
  said '+a'
  assert(supervisor.terminatechild(s, 'b'))
  said '-b'
  assert(children(s) == 'a running')
  assert(supervisor.terminatechild(s, 'a') and supervisor.deletechild(s, 'a'))
  said '-a'
  assert(children(s) == '')
  assert(supervisor.stop(s))
end)

-- Wrong use.

row('a malformed definition is an error that says what is wrong and where', function()
  local function bad(text, t) fails("bad argument #1 to 'supervisor' (" .. text, function() concurrent.supervisor(t) end) end
  bad('definition of a supervisor (a table) expected, got number 5)', 5)
  bad("a definition of a supervisor has no field 'childs')", { childs = {} })
  bad("'strategy' is string 'all', and must be 'one_for_one', 'one_for_all' or 'rest_for_one')", { strategy = 'all' })
  bad("'intensity' is number -1, and must be a number of restarts)", { intensity = -1 })
  bad("'period' is number 0, and must be milliseconds)", { period = 0 })
  bad("'backoff': frist = number 1; it has 'first' and 'most' (milliseconds) and 'factor')", { backoff = { frist = 1 } })
  local function child_bad(text, t) bad('child 2' .. text, { children = { child 'a', t } }) end
  child_bad(': definition (a table) expected, got a function)', print)
  child_bad(" has no 'id')", { body = print })
  child_bad(" ('b') does not say how it is started: 'body', 'server', 'supervisor' or 'start')", { id = 'b' })
  child_bad(" ('b') has both 'body' and 'start': one of them says how it is started)", { id = 'b', body = print, start = print })
  child_bad(" ('b'): 'body' is string 'x', and must be a function)", { id = 'b', body = 'x' })
  child_bad(" ('b'): there is no field 'restrat')", { id = 'b', body = print, restrat = 1 })
  child_bad(" ('b'): 'restart' is string 'often', and must be 'permanent', 'transient' or 'temporary')", { id = 'b', body = print, restart = 'often' })
  child_bad(" ('b'): 'shutdown' is number -1, and must be milliseconds or 'kill')", { id = 'b', body = print, shutdown = -1 })
  child_bad(" ('b'): 'arguments' is number 1, and must be an array)", { id = 'b', body = print, arguments = 1 })
  child_bad(" ('b'): a definition of a server has no field 'inti')", { id = 'b', server = { inti = print } })
  child_bad(" ('b'): child 1 has no 'id')", { id = 'b', supervisor = { children = { {} } } })
  bad("children 1 and 2 have the same id, 'a')", { children = { child 'a', child 'a' } })
  local s = start {}
  fails("bad argument #2 to 'startchild' (child ('b') does not say how", function() supervisor.startchild(s, { id = 'b' }) end)
  assert(supervisor.stop(s))
end)
row('questions to one that has ended', function()
  local s = start {}
  assert(supervisor.stop(s))
  local t, why, reason = supervisor.children(s)
  assert(t == nil and reason == 'noproc', why)
  fails("bad argument #1 to 'children' (process", function() supervisor.children() end)
  fails("bad argument #1 to 'count' (a supervisor cannot ask itself)", function() supervisor.count(me) end)
end)
