-- test: processes
-- test: stderr=the last of child 1: broken
-- The rows of concurrent.pool in spec/behaviours.md.
local concurrent = require 'concurrent'
local row = require 'modules.rows'
local pool, future = require 'concurrent.pool', require 'concurrent.future'
local call, send, receive = concurrent.call, concurrent.send, concurrent.receive
local me = concurrent.self()

local function fails(text, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(text, 1, true), e)
end
-- Works when it is told to; tells who works on what.
local function told(_, request)
  send(me, { worker = concurrent.self(), request = request })
  local m = receive(nil, { go = true })
  return request
end
local function start(t) return assert(concurrent.pool(t)) end

row('calls are worked on and answered', function()
  local p = start { size = 2, work = function(_, x) return x * 2 end }
  for i = 1, 10 do assert(call(p, i) == 2 * i) end
  assert(pool.stop(p))
end)
row('each worker has what init makes', function()
  local p = start { size = 1, init = function(a) return { n = a } end, arguments = { 5 }, work = function(s) s.n = s.n + 1 return s.n end }
  assert(call(p, 1) == 6 and call(p, 1) == 7)
  assert(pool.stop(p))
end)
row('as many calls at a time as there are workers, the others in order', function()
  local p = start { size = 2, work = told }
  local f = {}
  for i = 1, 4 do f[i] = future.call(p, i, math.huge) end
  local a, b = receive(nil, function(m) return m.worker end), receive(nil, function(m) return m.worker end)
  assert(a.request + b.request == 3 and a.worker ~= b.worker)
  local info = pool.info(p)
  assert(info.size == 2 and info.busy == 2 and info.idle == 0 and info.waiting == 2)
  send(a.worker, { go = true })
  local third = receive(nil, function(m) return m.worker end)
  assert(third.request == 3 and third.worker == a.worker)
  send(b.worker, { go = true })
  local fourth = receive(nil, function(m) return m.worker end)
  assert(fourth.request == 4)
  send(third.worker, { go = true })
  send(fourth.worker, { go = true })
  for i = 1, 4 do assert(future.get(f[i]) == i) end
  assert(pool.stop(p))
end)
row('a worker that fails is replaced, and its caller is told', function()
  local p = start { size = 1, work = function(_, x) if x == 0 then concurrent.exit 'broken' end return x end }
  local v, why, reason = call(p, 0)
  assert(v == nil and reason == 'broken' and why:find('the worker has ended without an answer: broken', 1, true), why)
  assert(call(p, 5) == 5)
  assert(pool.stop(p))
end)
row('calls that wait outlive a worker', function()
  local p = start { size = 1, work = told }
  local a, b = future.call(p, 1, math.huge), future.call(p, 2, math.huge)
  concurrent.kill(receive(nil, function(m) return m.worker end).worker)
  local v, _, reason = future.get(a)
  assert(v == nil and reason == 'killed')
  send(receive(nil, function(m) return m.worker end).worker, { go = true })
  assert(future.get(b) == 2)
  assert(pool.stop(p))
end)
row('a call that nobody waits for is not begun', function()
  local p = start { size = 1, work = told }
  local a = future.call(p, 1, math.huge)
  local first = receive(nil, function(m) return m.worker end)
  local v, _, reason = call(p, 2, 5)
  assert(v == nil and reason == 'timeout')
  repeat until pool.info(p).waiting == 0
  local c = future.call(p, 3, math.huge)
  send(first.worker, { go = true })
  local next = receive(nil, function(m) return m.worker end)
  assert(next.request == 3)
  send(next.worker, { go = true })
  assert(future.get(a) == 1 and future.get(c) == 3)
  assert(pool.stop(p))
end)
row('a full queue refuses', function()
  local p = start { size = 1, most = 1, work = told }
  local a = future.call(p, 1, math.huge)
  local first = receive(nil, function(m) return m.worker end)
  local b = future.call(p, 2, math.huge)
  repeat until pool.info(p).waiting == 1
  local v, why, reason = call(p, 3)
  assert(v == nil and reason == 'full' and why:find('1 calls wait already', 1, true), why)
  send(first.worker, { go = true })
  send(receive(nil, function(m) return m.worker end).worker, { go = true })
  assert(future.get(a) == 1 and future.get(b) == 2)
  assert(pool.stop(p))
end)
row('workers that fail too often end the pool, and callers are told', function()
  local p = start { size = 1, intensity = 1, period = 1e6, work = function() concurrent.exit 'broken' end }
  concurrent.monitor(p)
  for _ = 1, 2 do
    local v, _, reason = call(p, 1)
    assert(v == nil and (reason == 'broken' or reason == 'shutdown'))
  end
  assert(receive().reason == 'shutdown')
end)
row('a pool that is killed takes its workers along', function()
  local p = start { size = 3, work = function() return concurrent.self() end }
  local worker = call(p, 1)
  concurrent.kill(p)
  concurrent.monitor(worker)
  assert(receive().signal == 'DOWN')
end)
row('a malformed definition is an error', function()
  local function bad(text, t) fails("bad argument #1 to 'pool' (" .. text, function() concurrent.pool(t) end) end
  bad('definition of a pool (a table) expected, got nil)')
  bad("'size' is nil, and must be a number of workers)", { work = print })
  bad("'size' is number 0, and must be a number of workers)", { size = 0, work = print })
  bad("'work' is nil, and must be a function)", { size = 1 })
  bad("a definition of a pool has no field 'wrok')", { size = 1, wrok = print })
  bad("'most' is number -1, and must be how many calls may wait)", { size = 1, work = print, most = -1 })
end)
