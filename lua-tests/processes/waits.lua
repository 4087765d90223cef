-- test: processes
-- What a process waits for: in processinfo, in a survey, and in the report of a deadlock.
local c = require 'concurrent'
local root = c.self()
c.sleep(0)

-- Runs a function that waits, and returns what is known of it then.
local function known(f)
  local p = c.spawn(function() f(c.receive()) end)
  c.send(p, root)
  local info
  repeat info = c.processinfo(p) until info.waits and info.line ~= 9
  c.kill(p)
  return info
end
local info = known(function() c.receive() end)
assert(info.waits == 'message' and #info.waitsfor == 0 and info.waitstimed == false)
info = known(function(peer) c.receive(nil, { signal = 'DONE', from = peer }) end)
assert(info.waits == 'message' and #info.waitsfor == 1 and info.waitsfor[1] == root)
info = known(function(peer) c.receive(1e9, { { peer }, c.self(), peer }) end)
assert(#info.waitsfor == 2 and info.waitstimed == true)
info = known(function(peer) c.receive(nil, function(m) return m == peer end) end)
assert(info.waits == 'message' and info.waitsfor[1] == root)
info = known(function() c.sleep(1e9) end)
assert(info.waits == 'time' and #info.waitsfor == 0 and info.waitstimed)

-- who runs waits for nothing
assert(c.processinfo(root).waits == nil)

-- two that wait for each other, and one for one of them
local pids = {}
for i = 1, 3 do pids[i] = c.spawn(function() local peer = c.receive() c.receive(nil, { from = peer }) end) end
c.send(pids[1], pids[2])
c.send(pids[2], pids[1])
c.send(pids[3], pids[1])
local ok, why = pcall(c.loop)
assert(not ok and why:find('deadlock: 3 processes wait', 1, true), why)
for _, text in ipairs {
  ('%s at [^\n]*waits.lua:32, for %s\n'):format(pids[3], pids[1]),
  ('in a circle: %s %%-> %s %%-> %s\n'):format(pids[1], pids[2], pids[1]),
  'ps %-%-waits',
} do
  assert(why:find(text), why)
end
local rows = c.survey { by = 'waits' }.rows
assert(#rows == 3 and rows[3].pid == pids[3] and rows[3].waits == 'message' and rows[3].waitsfor[1] == pids[1])
assert(c.survey { by = 'waits', most = 2 }.rows[2].pid == pids[2])
