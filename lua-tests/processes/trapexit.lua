-- test: processes
-- trapexit: exit signals become messages with from and reason.
-- test: stderr=broken
local concurrent = require 'concurrent'
local root = concurrent.self()

local function trapping(body)
  concurrent.spawn(function()
    concurrent.setoption('trapexit', true)
    assert(concurrent.getoption 'trapexit' == true)
    body()
    concurrent.send(root, 'passed')
  end)
  assert(concurrent.receive() == 'passed')
end

local function partner(reason) return function() concurrent.exit(reason) end end

trapping(function()
  local p = concurrent.spawnlink(partner 'why')
  local m = concurrent.receive()
  assert(m.signal == 'EXIT' and m.from == p and m.reason == 'why')
end)

-- any value as a reason
trapping(function()
  local p = concurrent.spawnlink(partner { code = 5, who = concurrent.self() })
  local m = concurrent.receive()
  assert(m.from == p and m.reason.code == 5 and m.reason.who == concurrent.self())
end)

-- an uncaught error: the reason is the error value
trapping(function()
  concurrent.spawnlink(function() error('broken') end)
  local m = concurrent.receive()
  assert(type(m.reason) == 'string' and m.reason:find 'trapexit%.lua:%d+: broken$')
  concurrent.spawnlink(function() error({ broken = true }) end)
  m = concurrent.receive()
  assert(m.reason.broken == true)
end)

-- a normal end sends nothing
trapping(function()
  local p = concurrent.spawnlink(function() end)
  concurrent.monitor(p)
  local m = concurrent.receive()
  assert(m.signal == 'DOWN')
  assert(concurrent.receive(0) == nil)
end)

-- a killed partner, a dead partner
trapping(function()
  local p = concurrent.spawnlink(function() concurrent.receive() end)
  concurrent.kill(p)
  assert(concurrent.receive().reason == 'killed')
  concurrent.link(p)
  local m = concurrent.receive()
  assert(m.signal == 'EXIT' and m.from == p and m.reason == 'noproc')
end)

-- many at once
trapping(function()
  local sum = 0
  for i = 1, 10 do concurrent.spawnlink(partner(i)) end
  for _ = 1, 10 do sum = sum + concurrent.receive().reason end
  assert(sum == 55)
end)

-- after unlink no signal arrives
trapping(function()
  local p = concurrent.spawnlink(function() concurrent.receive(); concurrent.exit('late') end)
  concurrent.unlink(p)
  concurrent.monitor(p)
  concurrent.send(p, 'go')
  assert(concurrent.receive().signal == 'DOWN')
  assert(concurrent.receive(0) == nil)
end)

-- the option is each process's own
assert(concurrent.getoption 'trapexit' == false)
concurrent.loop()
