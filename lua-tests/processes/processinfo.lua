-- test: processes
-- processes and processinfo.
local concurrent = require 'concurrent'
local root = concurrent.self()

assert(#concurrent.processes() == 1 and concurrent.processes()[1] == root)

local function waiter(to)
  concurrent.send(to, 'ready')
  concurrent.receive(nil, { stop = true })
end
local a = concurrent.spawnmonitor(waiter, root)
assert(concurrent.receive() == 'ready')
local b = concurrent.spawnlink(waiter, root)
assert(concurrent.receive() == 'ready')

local set = {}
for _, p in ipairs(concurrent.processes()) do set[p] = true end
assert(set[root] and set[a] and set[b] and #concurrent.processes() == 3)

concurrent.register('worker', a)
for i = 1, 3 do concurrent.send(a, i) end
local info = concurrent.processinfo(a)
assert(info.name == 'worker' and info.parent == root and info.node == nil)
assert(type(info.status) == 'string' and type(info.heap) == 'number' and info.heap > 0)
assert(math.type(info.reductions) == 'integer' and info.reductions > 0)
assert(type(info.links) == 'table' and #info.links == 0 and type(info.monitors) == 'table')

local function has(list, pid) for _, p in ipairs(list) do if p == pid then return true end end return false end
local ib = concurrent.processinfo(b)
assert(ib.name == nil and has(ib.links, root))
assert(has(concurrent.processinfo(root).links, b) and has(concurrent.processinfo(root).monitors, a))

-- by name, of oneself
assert(concurrent.processinfo('worker').parent == root)
assert(concurrent.processinfo(root).parent == nil)
assert(type(concurrent.processinfo(root).status) == 'string')

-- a parent in between
concurrent.spawn(function()
  local me = concurrent.self()
  local child = concurrent.spawn(function() concurrent.receive() end)
  concurrent.send(root, { good = concurrent.processinfo(child).parent == me })
  concurrent.send(child, 'end')
end)
assert(concurrent.receive().good)

-- dead or unknown
concurrent.send(a, { stop = true })
assert(concurrent.receive().signal == 'DOWN')
assert(concurrent.processinfo(a) == nil and concurrent.processinfo 'worker' == nil)
assert(not pcall(concurrent.processinfo, 5))
concurrent.send(b, { stop = true })
assert(concurrent.loop() == true and #concurrent.processes() == 1)
