-- A process is moved by others, from any node, while it goes on with what it does; what does not move goes on untouched.
local c = require 'concurrent'
local ok, why = c.migrate(c.self(), 'there@localhost')
assert(ok == nil and why:find('main script', 1, true), why)
ok, why = c.migrate(c.spawn(function() end), 'there@localhost')
assert(ok == nil and why:find('not a node', 1, true), why)
assert(c.init 'here@localhost')
local root = c.self()
assert(c.isnodealive 'there@localhost' and c.isnodealive 'third@localhost')

-- One that waits: at each place it answers, and says where it is.
local function serve()
  local n = 0
  while true do
    local m = c.receive()
    if m.stop then return end
    n = n + 1
    c.send(m.from, { n = n, at = c.node() })
  end
end
local function at(pid)
  c.send(pid, { from = c.self() })
  return c.receive(20000).at
end
local server = c.spawn(serve)
assert(at(server) == 'here@localhost')
assert(c.register('server', server))
assert(c.migrate(server, 'there@localhost') == true)
assert(at(server) == 'there@localhost')
-- From where it is not, to a third place, and by name.
assert(c.migrate('server', 'third@localhost') == true)
assert(at(server) == 'third@localhost')
-- By a process at another node.
assert(c.spawn('there@localhost', function(server, root)
  local c = require 'concurrent'
  local ok, why = c.migrate(server, 'there@localhost')
  c.send(root, { ok = ok, why = why })
end, server, root))
local m = c.receive(20000)
assert(m.ok, m.why)
assert(at(server) == 'there@localhost')
assert(c.migrate({ 'server', 'there@localhost' }, 'here@localhost'))
assert(at(server) == 'here@localhost')
ok, why = c.migrate({ 'nobody', 'there@localhost' }, 'here@localhost')
assert(ok == nil and why:find('noproc', 1, true), why)
ok, why = c.migrate(server, 'here@localhost')
assert(ok == nil and why == 'the process is at here@localhost already', why)
ok, why = c.migrate(server, 'nobody@localhost')
assert(ok == nil and why:find('no connection to nobody@localhost', 1, true), why)
assert(at(server) == 'here@localhost')

-- One that computes: it is moved to and fro in the middle, and its result is as if it had stayed.
local counter = c.spawn(function()
  local n, seen, places = 0, {}, 0
  repeat
    for i = 1, 1000 do n = n + i % 7 end
    local here = c.node()
    if not seen[here] then seen[here], places = true, places + 1 end
  until places == 3
  c.send(root, { n = n % 3, places = places })
end)
assert(c.migrate(counter, 'there@localhost'))
assert(c.migrate(counter, 'third@localhost'))
assert(c.receive(20000).places == 3)

-- Its time goes on with it.
local sleeper = c.spawn(function()
  local began = c.time()
  local m = c.receive(1000, { never = true })
  c.send(root, { m == nil, c.time() - began, c.node() })
end)
assert(c.migrate(sleeper, 'there@localhost'))
m = c.receive(20000)
assert(m[1] and m[2] > 990 and m[3] == 'there@localhost', m[2])

-- Two want it at once: one of them is told, or comes later.
local asked = 0
for i, node in ipairs { 'there@localhost', 'third@localhost' } do
  c.spawn(function()
    local ok, why = c.migrate(server, node)
    c.send(root, { ok = ok, why = why })
  end)
end
for _ = 1, 2 do
  m = c.receive(20000)
  assert(m.ok or m.why == 'it is moving already', m.why)
  asked = asked + (m.ok and 1 or 0)
end
assert(asked >= 1 and at(server) ~= 'here@localhost')

-- Two move each other.
local pair = {}
for i = 1, 2 do
  pair[i] = c.spawn(function()
    local other = c.receive()
    local ok, why = c.migrate(other, 'there@localhost')
    c.send(root, { ok = ok, why = why, from = c.self() })
    c.receive()
  end)
end
c.send(pair[1], pair[2])
c.send(pair[2], pair[1])
for _ = 1, 2 do
  m = c.receive(20000)
  assert(m.ok, m.why)
end
for i = 1, 2 do c.kill(pair[i]) end

-- It moves itself, in between.
local restless = c.spawn(function()
  for i = 1, 10 do
    assert(c.migrate 'there@localhost')
    assert(c.migrate 'here@localhost')
  end
  c.receive()
end)
for _ = 1, 20 do
  ok, why = c.migrate(restless, 'third@localhost')
  -- In the end it stays.
  assert(ok or why == 'it is moving already' or why == 'the process is at third@localhost already', why)
end
c.kill(restless)

-- What holds it is named, and it goes on.
local holder = c.spawn(function()
  local log <close> = assert(io.tmpfile())
  while true do
    local m = c.receive()
    if m.stop then return end
    log:write 'still open'
    c.send(m.from, { at = c.node() })
  end
end)
assert(at(holder) == 'here@localhost')
ok, why = c.migrate(holder, 'there@localhost')
assert(ok == nil and why == ('cannot migrate %s: local \'log\' holds an open file'):format(holder), why)
ok, why = c.migratable(holder)
assert(ok == false and why == ('cannot migrate %s: local \'log\' holds an open file'):format(holder), why)
assert(at(holder) == 'here@localhost')
c.send(holder, { stop = true })

-- In a call of the system.
local caller = c.spawn(function()
  local pipe <close> = io.popen 'exec sleep 30 2> /dev/null'
  c.send(root, 'begins')
  pipe:read 'a'
end)
assert(c.receive(20000) == 'begins')
while c.processinfo(caller).status ~= 'blocked' do c.sleep(1) end
ok, why = c.migratable(caller)
assert(ok == false and why == ('cannot migrate %s: it is in a call of the system'):format(caller), why)
ok, why = c.migrate(caller, 'there@localhost')
assert(ok == nil and why == 'it is in a call of the system', why)
c.kill(caller)

-- The dead, and those who die.
ok, why = c.migrate(caller, 'there@localhost')
assert(ok == nil and why == ('noproc: %s has ended'):format(caller), why)
ok, why = c.migratable(caller)
assert(ok == false and why == ('noproc: %s has ended'):format(caller), why)
ok, why = c.migrate('nobody', 'there@localhost')
assert(ok == nil and why == "no process is named 'nobody'", why)
local blocked = c.spawn(function()
  local pipe <close> = io.popen 'exec sleep 30 2> /dev/null'
  c.send(root, 'begins')
  pipe:read 'a'
end)
assert(c.receive(20000) == 'begins')
while c.processinfo(blocked).status ~= 'blocked' do c.sleep(1) end
c.spawn(function()
  local ok, why = c.migrate(blocked, 'there@localhost')
  c.send(root, { ok = ok, why = why })
end)
c.kill(blocked)
m = c.receive(20000)
assert(m.ok == nil and m.why == ('noproc: %s has ended'):format(blocked), m.why)

-- Arguments, and where it cannot be called.
ok, why = pcall(c.migrate, server, 'no such name')
assert(not ok and why:find('no name of a node', 1, true), why)
ok, why = pcall(c.migrate, nil, 'there@localhost')
assert(not ok and why:find('process (a pid, a name', 1, true), why)
ok, why = pcall(c.migrate, server, {})
assert(not ok and why:find('name of a node (a string) expected', 1, true), why)
local said
setmetatable({}, { __gc = function() said = { pcall(c.migrate, server, 'here@localhost') } end })
collectgarbage()
assert(said[1] == false and said[2]:find('inside a finalizer', 1, true))
local ending = c.spawnmonitor(function()
  local x <close> = setmetatable({}, { __close = function()
    local ok, why = pcall(c.migrate, server, 'here@localhost')
    assert(not ok and why:find('cannot wait while the process ends', 1, true), why)
    ok, why = c.migratable()
    assert(ok == false and why == ('cannot migrate %s: it is ending'):format(c.self()), why)
  end })
end)
m = c.receive(20000)
assert(m.signal == 'DOWN' and m.reason == 'normal', m.reason)

-- migratable.
ok, why = c.migratable()
assert(ok == false and why:find("the main script's process stays", 1, true), why)
assert(c.migratable(server) == true and c.migratable 'server' == true)
c.spawn(function()
  local free = { c.migratable() }
  local log <close> = assert(io.tmpfile())
  local held = { c.migratable(c.self()) }
  c.send(root, { free[1], held[1], held[2] == ('cannot migrate %s: local \'log\' holds an open file'):format(c.self()) })
end)
m = c.receive(20000)
assert(m[1] == true and m[2] == false and m[3])

c.send(server, { stop = true })
print 'all is well'
os.exit(0)
