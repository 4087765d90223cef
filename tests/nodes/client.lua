-- What a process does with those of another node; server.lua is there.
local c = require 'concurrent'
local server = 'server@localhost'
assert(not c.node() and not c.isnodealive() and not c.send({ 'echo', server }, 'early'))
assert(c.init 'client@localhost')
assert(c.node() == 'client@localhost' and c.isnodealive() and c.isnodealive(server))
assert(not c.isnodealive 'nobody@localhost')
assert(c.nodes()[1] == server and #c.nodes() == 1)
assert(tostring(c.self()):find('^<client@localhost%.%d+>$'))
local ok, why = c.init 'other@localhost'
assert(not ok and why:find 'already')
for _, name in ipairs { 'a@b\n', 'a@..', '1@b', '@', 'a@b:0' } do
  ok, why = pcall(c.init, name)
  assert(not ok and why:find 'name of a node', why)
end

-- Messages: values of all kinds, code, long ones.
local echo = { 'echo', server }
local function ask(m)
  m.from = c.self()
  assert(c.send(echo, m))
  return c.receive()
end
assert(ask { what = 'echo', value = 42 } == 42)
local same = { 1.5, 'two', { three = true }, c.self() }
same.me = same
local back = ask { what = 'echo', value = same }
assert(back[1] == 1.5 and back[2] == 'two' and back[3].three and back[4] == c.self() and back.me == back)
local k = 7
local results = ask { what = 'call', x = 6, f = function(x) return x * k, 'code' end }
assert(results[1] == 42 and results[2] == 'code')
results = ask { what = 'call', x = 5, f = function(x) return x + 1 end }
assert(results[1] == 6)
local list = {}
for i = 1, 100000 do list[i] = i end
back = ask { what = 'echo', value = list }
assert(#back == 100000 and back[100000] == 100000)
local text = ('long '):rep(1000000)
assert(ask { what = 'echo', value = text } == text)

-- What is asked.
assert(c.isprocessalive(echo) and not c.isprocessalive { 'nobody', server })
local info = c.processinfo(echo)
assert(info.name == 'echo' and tostring(info.pid):find '^<server@localhost%.')
assert(({ waiting = true, ready = true, running = true })[info.status] and info.line and info.current:find 'server.lua$' and info.func:find 'server.lua')
assert(c.isprocessalive(info.pid) and c.processinfo { 'nobody', server } == nil)

-- Spawns: by name, by function; monitored, linked.
local child = c.spawnmonitor(server, 'adder', 20, 22)
local down = c.receive()
assert(down.signal == 'DOWN' and down.from == child and down.reason.sum == 42)
local none, reason = c.spawn(server, 'nothing of this name')
assert(none == nil and reason:find('nothing of this name', 1, true))
child = c.spawn(server, function(who, n, ...)
  local c = require 'concurrent'
  c.send(who, { n + 1, select('#', ...), c.node() })
end, c.self(), 41, nil, nil)
local m = c.receive()
assert(m[1] == 42 and m[2] == 2 and m[3] == server)

-- A function brings the globals that it names, and those that these name; what it does not name is the server's.
base = 40
local function twice(x) return offset(x) + offset(x) end
function offset(x) return x + base end
function string.shout(s) return s:upper() .. '!' end
adder = 'mine'
library = { deep = { twice = twice } }
child = c.spawn(server, function(who)
  local inner = function() return library.deep.twice(1) end
  local other = _ENV['add' .. 'er']
  concurrent.send(who, { inner(), string.shout 'hey', type(other), unnamed, base })
end, c.self())
m = c.receive()
assert(m[1] == 82 and m[2] == 'HEY!' and m[3] == 'function' and m[4] == nil and m[5] == 40)
string.shout = nil
log = io.tmpfile()
ok, why = pcall(c.spawn, server, function() log:write 'x' end)
assert(not ok and why:find('cannot send an open file (at message.globals.log)', 1, true), why)
log = nil
c.setoption('trapexit', true)
child = c.spawnlink(server, function() require('concurrent').receive() end)
assert(c.kill(child, 'because'))
m = c.receive()
assert(m.signal == 'EXIT' and m.from == child and m.reason == 'because')
assert(not c.isprocessalive(child) and not c.kill(child))

-- An error in a process there, which it may catch.
child = c.spawnmonitor(server, function(who)
  local c = require 'concurrent'
  c.send(who, { pcall(function() c.send(who, 'begun') c.receive() end) })
  while true do end
end, c.self())
assert(c.receive() == 'begun' and c.interrupt(child))
m = c.receive()
assert(m[1] == false and m[2] == 'interrupted!')
assert(c.interrupt(child))
m = c.receive()
assert(m.signal == 'DOWN' and m.from == child and m.reason == 'interrupted!')

-- Links and monitors, taken away and not.
assert(c.link(info.pid) and c.unlink(info.pid) and c.link(info.pid))
assert(c.monitor(echo) and c.demonitor(echo) and c.monitor(echo))
c.send(echo, { what = 'die' })
local seen = {}
for _ = 1, 2 do
  m = c.receive()
  assert(m.from == info.pid and m.reason == 'dying')
  seen[m.signal] = true
end
assert(seen.EXIT and seen.DOWN)
assert(not c.isprocessalive(info.pid))
c.monitor(info.pid)
m = c.receive()
assert(m.signal == 'DOWN' and m.reason == 'noproc')
c.link(info.pid)
m = c.receive()
assert(m.signal == 'EXIT' and m.reason == 'noproc')

-- A node that goes.
assert(c.monitornode(server))
child = c.spawnmonitor(server, function() os.exit(0) end)
local linked = c.spawnlink(server, function() require('concurrent').receive() end)
seen = {}
for _ = 1, linked and 3 or 2 do
  m = c.receive()
  seen[m.signal] = m
end
assert(seen.NODEDOWN.from == server)
assert(seen.DOWN.from == child and seen.DOWN.reason == 'noconnection')
assert(not linked or seen.EXIT.from == linked and seen.EXIT.reason == 'noconnection')
assert(not c.isprocessalive(child) and not c.isnodealive(server) and #c.nodes() == 0)
ok, why = c.send(echo, 'late')
assert(not ok and why:find 'no connection', why)
none, why = c.spawn(server, 'adder')
assert(none == nil and why, why)
assert(c.shutdown() and not c.node())
ok, why = c.shutdown()
assert(not ok and why:find 'not a node')
print 'all is well'
