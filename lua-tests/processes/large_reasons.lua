-- test: processes
-- test: stderr=died
-- Reasons of any size: of an exit, a kill, an error, and over links.
local concurrent = require 'concurrent'
local main = concurrent.self()

local big = {}
for i = 1, 20000 do big[i] = { i } end
function is_big(reason)
  return type(reason) == 'table' and #reason == 20000 and reason[1][1] == 1 and reason[20000][1] == 20000
end
local function down(p)
  local m = concurrent.receive()
  assert(m.signal == 'DOWN' and m.from == p)
  return m.reason
end

local p = concurrent.spawnmonitor(function() concurrent.exit(big) end)
assert(is_big(down(p)))
p = concurrent.spawnmonitor(function() concurrent.receive() end)
assert(concurrent.kill(p, big))
assert(is_big(down(p)))
p = concurrent.spawnmonitor(function() error(big) end)
assert(is_big(down(p)))
-- What cannot be sent is told as text, however far behind it is.
p = concurrent.spawnmonitor(function()
  big[20001] = coroutine.create(print)
  concurrent.exit(big)
end)
assert(down(p):find('^table: '))

-- Who dies over a link has the reason in its handlers, once.
p = concurrent.spawnmonitor(function()
  local told <close> = setmetatable({}, { __close = function(_, reason) concurrent.send(main, is_big(reason)) end })
  concurrent.send(main, 'ready')
  concurrent.receive()
end)
assert(concurrent.receive() == 'ready')
local q = concurrent.spawn(function()
  concurrent.link(p)
  concurrent.exit(big)
end)
assert(concurrent.receive() == true)
assert(is_big(down(p)))

-- Spawned with much, and ended wherever it is by then.
local function idle() concurrent.receive() end
for _, reason in ipairs { 'killed', big } do
  p = concurrent.spawnmonitor(idle, big, {}, big)
  concurrent.kill(p, reason)
  assert(down(p) == reason or is_big(reason))
end
p = concurrent.spawnmonitor(idle, big)
concurrent.spawn(function()
  concurrent.link(p)
  concurrent.exit('together')
end)
assert(down(p) == 'together')
print 'told'
