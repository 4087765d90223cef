-- Figures of migration: benches/moves.py runs it at the node home@localhost, with the nodes there@localhost and sender@localhost.
-- Prints `name value unit` lines.
local c = require 'concurrent'
assert(c.init 'home@localhost')
local root, there, home = c.self(), 'there@localhost', 'home@localhost'
assert(c.isnodealive(there))
local function say(name, value, unit) print(('%-44s %10.1f %s'):format(name, value, unit)) io.stdout:flush() end
local function median(t)
  table.sort(t)
  return t[(#t + 1) // 2]
end

-- A round trip of a message between the two nodes.
local echo = c.spawn(there, function() while true do local from = c.receive() c.send(from, true) end end)
local trips = {}
for i = 1, 2000 do
  local at = c.time()
  c.send(echo, root)
  c.receive()
  trips[i] = c.time() - at
end
local trip = median(trips) * 1000
say('round trip of a message', trip, 'us')

-- The heap of a process: tables of fields, numbers, short and long strings.
local function filled(bytes)
  local t, i = {}, 0
  while collectgarbage 'count' * 1024 < bytes do
    i = i + 1
    t[i] = { id = i, x = i * 0.5, name = 'item ' .. i, text = ('x'):rep(200) }
  end
  return t
end
local function moves(name, bytes, n)
  local child = c.spawnmonitor(function()
    local heap = filled(bytes)
    local times = {}
    for i = 1, n do
      local at = c.time()
      assert(c.migrate(i % 2 == 1 and there or home))
      times[i] = c.time() - at
    end
    if n % 2 == 1 then assert(c.migrate(home)) end
    c.send(root, { time = median(times), heap = collectgarbage 'count' * 1024, kept = #heap })
  end)
  local m = c.receive()
  assert(m.time, tostring(m.reason))
  c.receive()
  say('move of ' .. name, m.time * 1000, 'us')
  return m
end
local idle = moves('an idle process', 0, 400).time * 1000
say('  in round trips', idle / trip, '')
moves('one with 1 KB more', 1024, 200)
moves('one with 1 MB', 1 << 20, 20)
local large = moves('one with 100 MB', 100 << 20, 4)
say('  its rate', large.heap / large.time / 1000, 'MB/s')

-- Many small processes that move at once.
local many, each, done = 100, 20, 0
local at = c.time()
for _ = 1, many do
  c.spawn(function()
    for i = 1, each do assert(c.migrate(i % 2 == 1 and there or home)) end
    c.send(root, true)
  end)
end
for _ = 1, many do c.receive() end
say('moves of small processes, 100 at once', many * each / (c.time() - at) * 1000, '/s')

-- What somebody who sends to a process that moves every 20 ms sees: the longest time until an answer.
local server = c.spawn(function()
  while true do
    local m = c.receive()
    c.send(m.from, m.n)
  end
end)
assert(c.spawnmonitor('sender@localhost', function()
  local times = {}
  local over = c.time() + 2000
  local n = 0
  while c.time() < over do
    n = n + 1
    local at = c.time()
    c.send(server, { from = c.self(), n = n })
    assert(c.receive(20000) == n, 'an answer is lost')
    times[n] = c.time() - at
  end
  local median = median(times)
  c.send(root, { median = median, longest = times[#times], n = n })
end))
local moved, told = 0, nil
repeat
  assert(c.migrate(server, moved % 2 == 0 and there or home))
  moved = moved + 1
  told = c.receive(20)
until told
assert(told.median, told.reason)
say('question to a process that moves: median', told.median * 1000, 'us')
say('  the longest of ' .. told.n .. ', with ' .. moved .. ' moves', told.longest * 1000, 'us')

-- The form itself: written down only, and into a file.
c.spawnmonitor(function()
  local heap = filled(100 << 20)
  local times = {}
  for i = 1, 5 do
    local at = c.time()
    assert(c.migratable())
    times[i] = c.time() - at
  end
  c.send(root, { time = median(times), heap = collectgarbage 'count' * 1024 })
end)
-- The sender's end is told first.
local m
repeat m = c.receive() until m.heap or m.reason ~= 'normal'
assert(m.heap, m.reason)
say('freeze', m.heap / m.time / 1000, 'MB/s')
os.exit(0)
