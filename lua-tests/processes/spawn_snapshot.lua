-- test: processes
-- A child starts with a snapshot of upvalues and globals as of spawn; later writes stay on their side.
local concurrent = require 'concurrent'
local root = concurrent.self()

counter = 10
config = { list = { 1, 2, 3 }, name = 'before' }
local up = 'up before'
local deep = { a = { b = { c = 'deep before' } } }

concurrent.spawn(function()
  concurrent.send(root, {
    counter = counter, name = config.name, len = #config.list, up = up, c = deep.a.b.c, later = later,
  })
  counter, config.name, up, deep.a.b.c = -1, 'child', 'child', 'child'
  config.list[4] = 4
  concurrent.send(root, { counter = counter, name = config.name, len = #config.list, up = up, c = deep.a.b.c })
end)

-- writes after spawn, before the child has run
counter, config.name, up, deep.a.b.c = 99, 'after', 'up after', 'deep after'
config.list[4], config.list[5] = 4, 5
later = 'defined after spawn'

concurrent.loop()

local first = concurrent.receive(0)
assert(first.counter == 10 and first.name == 'before' and first.len == 3)
assert(first.up == 'up before' and first.c == 'deep before' and first.later == nil)
local second = concurrent.receive(0)
assert(second.counter == -1 and second.name == 'child' and second.len == 4)
assert(second.up == 'child' and second.c == 'child')

-- nothing of the child came back
assert(counter == 99 and config.name == 'after' and up == 'up after' and deep.a.b.c == 'deep after')
assert(#config.list == 5)

-- several children have each their own copy, though they share one upvalue in the parent
local n = 0
local function bump() n = n + 1; return n end
bump()
for i = 1, 3 do
  concurrent.spawn(function()
    for _ = 1, i do bump() end
    concurrent.send(root, { i = i, n = bump() })
  end)
end
concurrent.loop()
local seen = {}
for _ = 1, 3 do local m = concurrent.receive(0); seen[m.i] = m.n end
assert(seen[1] == 3 and seen[2] == 4 and seen[3] == 5 and n == 1)

-- redefining a global function after the spawn does not change the child
function greet() return 'old' end
concurrent.spawn(function() concurrent.send(root, { g = greet() }) end)
function greet() return 'new' end
concurrent.loop()
assert(concurrent.receive(0).g == 'old' and greet() == 'new')
