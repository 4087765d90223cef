-- Names of processes elsewhere. Run beside named.lua.
local c = require 'concurrent'
c.setoption('registertimeout', 5000)
local function until_true(f) while not f() do c.sleep(1) end end

-- Before this is a node, and before it is connected: given on both sides. The earlier one stays.
c.register 'clash'
assert(c.init 'b@localhost')
assert(c.whereis 'clash' == c.self())
assert(c.isnodealive 'a@localhost')
until_true(function() return c.whereis 'shared' end)
assert(c.whereis 'clash' == c.self())

local shared = c.whereis 'shared'
assert(shared ~= c.self() and c.isprocessalive 'shared')
assert(c.send('shared', { from = c.self(), value = 42 }))
assert(c.receive() == 42)
local ok, why = c.register 'shared'
assert(ok == false and why == "name 'shared' is taken")
assert(c.register 'new' and c.whereis 'new' == c.self())
assert(table.concat(c.registered(), ' ') == 'clash new other shared')
assert(c.processinfo('shared').name == 'shared')

-- Of a process there: its node sees to it.
local other = c.whereis 'other'
assert(c.register('theirs', other) and c.whereis 'theirs' == other)
assert(c.send('theirs', { from = c.self(), value = 'by its second name' }) and c.receive() == 'by its second name')
assert(c.unregister 'theirs' and not c.whereis 'theirs' and c.unregister 'theirs' == false)

-- What the caller has ended has no name any more.
c.monitor 'shared'
assert(c.kill 'shared')
assert(not c.whereis 'shared' and c.register('shared'))
assert(c.receive().signal == 'DOWN')
assert(c.unregister 'shared' and c.register('shared', c.spawn(function() c.receive() end)))
assert(c.send('shared', 'end'))
until_true(function() return not c.whereis 'shared' end)

-- Many at once, on one node, and a name for a dead process.
local parent, n = c.self(), 50
for _ = 1, n do c.spawn(function() c.send(parent, (c.register 'wanted')) c.receive() end) end
local given = 0
for _ = 1, n do if c.receive() then given = given + 1 end end
assert(given == 1)
local dead = c.spawn(function() end)
until_true(function() return not c.isprocessalive(dead) end)
ok, why = c.register('nobody', dead)
assert(ok == false and why == 'no such process', why)

-- Alone again, only its own are left.
c.shutdown()
assert(c.whereis 'clash' == c.self() and not c.whereis 'other')
print 'all is well'
os.exit(0)
