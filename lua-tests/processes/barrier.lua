-- test: processes
-- What a process has sent another one is seen by what it asks afterwards (Erlang's barrier), also before others run.
local c = require 'concurrent'
local function waits() while true do c.receive() end end

local function check(rounds)
  for _ = 1, rounds do
    local p = c.spawn(waits)
    assert(c.isprocessalive(p))
    assert(c.register('service', p))
    c.link(p)
    assert(c.processinfo(p).links[1] == c.self())
    c.unlink(p)
    assert(#c.processinfo(p).links == 0)
    c.monitor(p)
    assert(c.kill(p) == true)
    assert(c.kill(p) == false)
    assert(not c.isprocessalive(p))
    assert(c.processinfo(p) == nil)
    assert(c.whereis 'service' == nil)
    assert(c.send(p, 'late') == false)
    local q = c.spawn(waits)
    assert(c.register('service', q))
    c.kill(q)
    assert(c.register('service', c.self()))
    assert(c.unregister 'service')
  end
end
check(5)                                         -- the gate is closed: they have not run at all
for _ = 1, 5 do assert(c.receive(1000).reason == 'killed') end
check(20)                                        -- and now they run in parallel
for _ = 1, 20 do assert(c.receive(1000).reason == 'killed') end
c.spawnmonitor(check, 20)
local m = c.receive(30000)
assert(m.reason == 'normal', m.reason)

-- a busy one is asked, too
local busy = c.spawn(function() while true do end end)
assert(c.isprocessalive(busy) and c.processinfo(busy).reductions >= 0)
c.kill(busy)
assert(not c.isprocessalive(busy))
