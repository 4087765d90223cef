-- The node that talk.py talks with: it does what messages `{ what = ..., from = pid, node = name }` ask for, and tells the sender
-- what came of it, as `{ 'result', ... }`. Argument: the node's name.
local c = require 'concurrent'
c.setoption('keepalivetimeout', 15000)
c.setoption('trapexit', true)
assert(c.init((...)))

function adder(a, b) c.exit({ sum = a + b }) end
function waiter()
  c.setoption('trapexit', false)
  c.receive()
end

local kept = 30
offset = 12
local function twice(x) return (x + offset) * 2 end
local shared = {}
-- A chunk of its own, and a small one.
local small = load("local n = 40 return function(x) n = n + 1 return n + x end", '=small')()

local actions = {}
-- What is for `receive` is not.
local function wanted(m) return m == 'shutdown' or type(m) == 'table' and actions[m.what] ~= nil end
function actions.values(m)
  local t = { 1, -2, 3, 2.5, 0 / 1, 'short', ('long'):rep(20), true, false, nil, m.from, io.stdout, print, { {} },
    math.maxinteger, math.mininteger }
  t.self, t.again, t[2.5], t[true], t[m.from] = t, t[7], 'float', 'boolean', c.self()
  t.shared, t.shared_too = shared, shared
  t.integers, t.floats = {}, {}
  for i = 1, 300 do t.integers[i], t.floats[i] = i * 1000 - 5000, i / 4 end
  t.point = setmetatable({ x = 1 }, c.metatable('point', {}))
  t.infinite = 1 / 0
  return c.send(m.from, t)
end
function actions.functions(m)
  local count = 1
  local function up() count = count + kept return count end
  local function down() count = count - 1 return count, twice(count) end
  return c.send(m.from, { up, down, string.gmatch('a', 'a') })
end
function actions.small(m) return c.send(m.from, small) end
function actions.byname(m) return c.send({ m.name, m.node }, m.value) end
function actions.many(m)
  local text = ('x'):rep(m.size)
  for i = 1, m.count do assert(c.send(m.from, i .. text)) end
  return true
end
function actions.call(m) return m.f(m.x) end
function actions.echo(m) return m.value end
function actions.send(m)
  local ok, why = c.send(m.who, m.value)
  return ok, why, tostring(m.who)
end
function actions.size(m) return #m.value, m.value:sub(1, 10), m.value:sub(-10) end
function actions.spawn(m) return c.spawn(m.node, m.body or function(a, ...) return twice(a) end, 1, nil, 'three', nil) end
function actions.spawnlink(m) return c.spawnlink(m.node, 'body', m.from) end
function actions.spawnmonitor(m) return c.spawnmonitor(m.node, 'body') end
for _, f in ipairs { 'link', 'unlink', 'monitor', 'demonitor', 'interrupt', 'isprocessalive', 'whereis' } do
  actions[f] = function(m) return c[f](m.there and { m.name, m.node } or m.name or m.who) end
end
function actions.kill(m) return c.kill(m.who, m.reason) end
function actions.processinfo(m)
  local info = c.processinfo(m.who)
  return info.status, info.line, info.mailbox, info.heap, info.name, info.links[1], info.parent, info.current
end
function actions.register(m) return c.register(m.name, m.who) end
function actions.unregister(m) return c.unregister(m.name) end
function actions.registered() return c.registered() end
function actions.receive() return c.receive(20000, function(m) return not wanted(m) end) end
function actions.child(m)
  local link, why = m.link, m.reason
  return c.spawn(function()
    c.setoption('trapexit', false)
    if link then c.link(link) end
    c.receive()
    if why then c.exit(why) end
  end)
end
function actions.migrate(m)
  local who, there = m.from, m.node
  return c.spawn(function()
    local here = c.node()
    c.send(who, { 'moved', c.migrate(there) })
    c.send(who, { 'moved', c.migrate(there) })
    while true do c.send(who, { 'got', c.receive(), here, c.node() }) end
  end)
end
function actions.request(m) return c.call(m.who, m.value, m.time) end
function actions.answers()
  return c.spawn(function()
    c.setoption('trapexit', false)
    while true do
      local m = c.receive()
      if m.request == nil then c.exit 'unasked' end
      c.reply(m, m.request)
    end
  end)
end
function actions.mailbox() return c.processinfo(c.self()).mailbox end
function actions.nodes() return c.nodes() end
function actions.isnodealive(m) return c.isnodealive(m.node) end

c.register 'driver'
c.step()
print 'ready'
while true do
  local m = c.receive(nil, wanted)
  if m == 'shutdown' then break end
  c.send(m.from, { 'result', actions[m.what](m) })
end
c.shutdown()
