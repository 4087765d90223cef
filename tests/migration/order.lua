-- Three senders on three nodes send numbered messages to a process that moves from node to node. All arrive, once, in the
-- order of each sender; who is linked with it, monitors it or looks for its name notices nothing.
local c = require 'concurrent'
local each, moves = tonumber((...)) or 2000, tonumber((select(2, ...))) or 20
assert(c.init 'a@localhost')
local nodes = { 'a@localhost', 'b@localhost', 'c@localhost' }
for i = 2, 3 do assert(c.isnodealive(nodes[i])) end
c.setoption('trapexit', true)
local root = c.self()

local mover = c.spawnlink(function()
  local last, total, moved = { 0, 0, 0 }, 0, 0
  local between = 3 * each // (moves + 1)
  while total < 3 * each do
    local m = c.receive(20000)
    if not m then
      c.send(root, { failed = 'nothing came: ' .. table.concat(last, ' ') .. ' at ' .. c.node() })
      return
    end
    if m.n ~= last[m.from] + 1 then
      c.send(root, { failed = ('%d came after %d from %d at %s'):format(m.n, last[m.from], m.from, c.node()) })
      return
    end
    last[m.from], total = m.n, total + 1
    if total % between == 0 and moved < moves then
      local ok, why = c.migrate(nodes[(moved + 1) % 3 + 1])
      if not ok then c.send(root, { failed = why }) return end
      moved = moved + 1
    end
  end
  c.send(root, { moved = moved, at = c.node() })
  c.receive()
end)
assert(c.register('mover', mover))
c.monitor(mover)

local function sender(i, to, each)
  local c = require 'concurrent'
  for n = 1, each do
    -- Two kinds of signals, so that neither overtakes the other.
    if n % 100 == 0 then c.monitor(to) c.demonitor(to) end
    assert(c.send(to, { from = i, n = n }))
  end
  c.receive()
end
for i, node in ipairs(nodes) do
  if i == 1 then c.spawn(sender, i, mover, each) else assert(c.spawn(node, sender, i, mover, each)) end
end

local looks = 0
local over
repeat
  assert(c.whereis 'mover' == mover, 'its name is gone')
  looks = looks + 1
  over = c.receive(1)
until over
if over.moved ~= moves then
  local said = {}
  for k, v in pairs(over) do said[#said + 1] = tostring(k) .. '=' .. tostring(v) end
  error(table.concat(said, ' '))
end
assert(c.isprocessalive 'mover' and c.processinfo(mover).name == 'mover')
c.kill(mover, 'enough')
local told = {}
for _ = 1, 2 do
  local m = c.receive(10000)
  assert(m and m.from == mover and m.reason == 'enough', m and m.reason)
  told[m.signal] = true
end
assert(told.EXIT and told.DOWN)
assert(not c.isprocessalive(mover) and not c.whereis 'mover')
print('all arrived', over.at)
os.exit(0)
