-- A node whose line is bad, and then cut: says on standard output what is to be done to it, and reads when it is done.
-- `...`: its name, that of far.lua's node.
local c = require 'concurrent'
local own, far = ...
local function say(line) print(line) io.stdout:flush() end
c.setoption('keepalivetimeout', 2000)
c.setoption('trapexit', true)
assert(c.init(own))
local echo = { 'echo', far }

-- All that is sent arrives, once and in order.
local function talk()
  for i = 1, 200 do assert(c.send(echo, { from = c.self(), value = i })) end
  for i = 1, 200 do assert(c.receive() == i) end
  local text = ('long '):rep(100000)
  assert(c.send(echo, { from = c.self(), value = text }))
  assert(c.receive() == text)
end
talk()
local function sleeper() require('concurrent').receive() end
local linked, monitored = assert(c.spawnlink(far, sleeper)), assert(c.spawnmonitor(far, sleeper))
assert(c.monitornode(far))
assert(c.send({ 'far', far }, { pid = c.self(), node = own }))
local there = c.processinfo({ 'far', far }).pid
-- It links itself with this process.
while #c.processinfo(c.self()).links < 2 do c.sleep(1) end
say 'cut'
local expected = { 'EXIT of ' .. tostring(linked), 'DOWN of ' .. tostring(monitored), 'NODEDOWN of ' .. far,
  'EXIT of ' .. tostring(there) }
local told = {}
while #told < #expected do
  local m = assert(c.receive(60000), 'the cut is noticed')
  assert(m.signal == 'NODEDOWN' or m.reason == 'noconnection')
  told[#told + 1] = m.signal .. ' of ' .. tostring(m.from)
end
-- Each once, in any order.
table.sort(expected)
table.sort(told)
assert(table.concat(told, ', ') == table.concat(expected, ', '), table.concat(told, ', '))
assert(#c.nodes() == 0)
assert(c.register 'leader')
say 'heal'
io.read()
while not c.isnodealive(far) do c.sleep(100) end
local conflict = false
local function ask(m)
  m.from = c.self()
  assert(c.send(echo, m))
  local answer = c.receive()
  if type(answer) == 'table' and answer.signal == 'NAMECONFLICT' then
    conflict = true
    answer = c.receive()
  end
  return answer
end
-- Names heal: both know the same one.
local leader
repeat
  c.sleep(10)
  leader = ask { what = 'leader' }
until leader and leader == c.whereis 'leader'
if leader == c.self() then
  assert(not conflict)
  say 'mine'
else
  if not conflict then
    local m = c.receive(10000)
    assert(m.signal == 'NAMECONFLICT' and m.winner == leader)
  end
  say 'theirs'
end
talk()
say 'done'
c.shutdown()
