-- An interrupt, a kill and an exit signal find a process that has moved, that moves, and one that is elsewhere by now.
local c = require 'concurrent'
assert(c.init 'here@localhost')
local root = c.self()
local nodes = { 'there@localhost', 'here@localhost' }

local function down(p, reason)
  local m = c.receive(20000)
  assert(m and m.signal == 'DOWN' and m.from == p, m and m.signal)
  assert(tostring(m.reason):find(reason, 1, true), tostring(m.reason))
  assert(not c.isprocessalive(p))
end
-- Interrupted where it is now: it may catch that, and go on.
local p = c.spawnmonitor(function()
  assert(c.migrate 'there@localhost')
  c.send(root, 'there')
  local ok, why = pcall(c.receive)
  c.send(root, { ok = ok, why = why, at = c.node() })
  while true do end
end)
assert(c.receive(20000) == 'there')
assert(c.interrupt(p))
local m = c.receive(20000)
assert(m.ok == false and m.why:find('interrupted!', 1, true) and m.at == 'there@localhost', m.why)
assert(c.interrupt(p))
down(p, 'interrupted!')

-- Back and forth without an end, while something ends it: at another moment each time.
local function restless()
  local n = 0
  while true do
    assert(c.migrate(nodes[n % 2 + 1]))
    n = n + 1
    if n == 1 then c.send(root, 'moves') end
  end
end
for i = 1, 30 do
  local p = c.spawnmonitor(restless)
  assert(c.receive(20000) == 'moves')
  for _ = 1, i * 100 do end
  if i % 3 == 0 then
    c.kill(p, 'enough')
    down(p, 'enough')
  elseif i % 3 == 1 then
    -- An exit signal of who is linked with it.
    local linked = c.spawn(function() c.link(p) c.exit 'gone' end)
    down(p, 'gone')
  else
    assert(c.interrupt(p))
    down(p, 'interrupted!')
  end
end
print 'all is well'
os.exit(0)
