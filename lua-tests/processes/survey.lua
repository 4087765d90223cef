-- test: processes
-- survey: figures of all processes, without asking any.
local concurrent = require 'concurrent'
local survey, root = concurrent.survey, concurrent.self()

local function waiter(to)
  concurrent.send(to, 'ready')
  concurrent.receive(nil, { stop = true })
end
local all = {}
for i = 1, 30 do
  all[i] = concurrent.spawn(waiter, root)
  assert(concurrent.receive() == 'ready')
end
concurrent.register('sink', all[7])
for i = 1, 5 do concurrent.send(all[7], { tag = 'job', number = i }) end
concurrent.send(all[9], 'one')
-- Those who were asked have handled what came before.
concurrent.processinfo(all[7])
concurrent.processinfo(all[9])

-- by waiting messages, with what they are
local s = survey { by = 'mailbox', most = 2, heads = 3 }
assert(s.processes == 31 and s.mailbox == 6 and #s.rows == 2 and s.elapsed == nil and s.workers >= 1)
assert(s.ready + s.running + s.waiting + s.blocked == 31 and s.memory > 0 and #s.nodes == 0)
local a, b = s.rows[1], s.rows[2]
assert(a.pid == all[7] and a.name == 'sink' and a.mailbox == 5 and b.pid == all[9] and b.mailbox == 1 and b.name == nil)
assert(#a.heads == 3 and a.heads[1]:find "^{.*tag='job'.*}$" and a.heads[2]:find 'number=2' and b.heads[1] == "'one'")
assert(a.status == 'waiting' and a.line == 8 and a.current:find 'survey.lua' and a.func:find 'function')
assert(a.memory > 0 and a.reductions >= 0 and a.links == nil)

-- by age; none; one alone
s = survey { by = 'age', most = 3 }
assert(s.rows[1].pid == root and s.rows[2].pid == all[1] and s.rows[3].pid == all[2] and s.rows[1].heads == nil)
assert(#survey { most = 0 }.rows == 0 and #survey().rows == 20)
s = survey { process = all[7], heads = 9 }
assert(#s.rows == 1 and s.rows[1].mailbox == 5 and #s.rows[1].heads == 5 and s.rows[1].parent == root and s.processes == nil)
assert(#s.rows[1].links == 0 and #s.rows[1].monitors == 0)
assert(s.rows[1].came == 5 and s.rows[1].senders == nil)
local frame = s.rows[1].frames[1]
assert(frame.line == 8 and frame.func:find 'function' and frame.variables[1].name == 'to' and frame.variables[1].value == tostring(root))
assert(survey { by = 'messages', most = 1 }.rows[1].pid == all[7] and #survey().moves == 0)

-- who fills a mailbox: of one that waits for something else, so that all that comes stays
local slow = concurrent.spawn(function() concurrent.receive(nil, { stop = true }) end)
local hose = concurrent.spawn(function(to)
  local text = ('x'):rep(1100)
  for i = 1, 1500 do concurrent.send(to, { text = text, number = i }) end
  concurrent.send(root, 'sent')
  concurrent.receive()
end, slow)
assert(concurrent.receive() == 'sent')
local filled = survey { by = 'mailbox', most = 1 }.rows[1]
assert(filled.pid == slow and filled.mailbox > 1400, filled.mailbox)
-- (Where the receiver runs after each message few wait at a time, and nobody need be known.)
local first = (filled.senders or {})[1]
assert(first == nil or first.pid == hose and first.share == 100 and #filled.senders == 1)
concurrent.kill(slow)
concurrent.kill(hose)
assert(not concurrent.isprocessalive(slow) and not concurrent.isprocessalive(hose))

-- only some
s = survey { filter = 'sink' }
assert(#s.rows == 1 and s.rows[1].pid == all[7] and s.processes == 31)
assert(#survey { filter = tostring(all[3]) }.rows == 1 and #survey { filter = 'no such thing' }.rows == 0)
assert(#survey { filter = 'survey.lua:8', most = 100 }.rows == 30)

-- since the last one
local before = survey()
assert(math.type(before.recent) == 'integer' and before.recent > 0)
local x = 0
for i = 1, 20000 do x = x + i end
concurrent.sleep(0)
s = survey { since = before.since, most = 100 }
assert(s.elapsed >= 0 and s.rows[1].pid == root and s.rows[1].recent > 0)
for _, row in ipairs(s.rows) do
  assert(row.recent <= row.reductions)
  if row.pid ~= root then assert(row.recent == 0, row.recent) end
end
-- what no survey has left counts as nothing
for _, text in ipairs { '', '\1', 'nonsense', before.since:sub(1, -3), before.since .. '\255\255' } do
  assert(survey { since = text }.processes == 31)
end

-- wrong options
for text, options in pairs {
  ["bad argument #1 to '.-' %(option 'by' is one of"] = { by = 'size' },
  ["option 'most' is an integer from 0 to 1000"] = { most = 1001 },
  ["option 'heads' is an integer"] = { heads = -1 },
  ["option 'process' is a pid"] = { process = 'sink' },
  ["option 'filter' is a string"] = { filter = {} },
} do
  local ok, why = pcall(survey, options)
  assert(not ok and why:find(text), why)
end
assert(not pcall(survey, 7) and not pcall(survey, { by = true }))

-- the dead
for _, p in ipairs(all) do concurrent.send(p, { stop = true }) end
assert(concurrent.loop() == true)
assert(survey().processes == 1 and #survey { process = all[1] }.rows == 0)
