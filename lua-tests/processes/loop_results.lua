-- test: processes
-- loop: returns true when no process is left, false at its timeout or when interrupted.
local concurrent = require 'concurrent'
local root = concurrent.self()

assert(concurrent.loop() == true)                -- nothing to do
assert(concurrent.loop(1) == true)

concurrent.spawn(function() concurrent.send(root, 'ran') end)
assert(concurrent.loop() == true)
assert(concurrent.receive(0) == 'ran')

-- a timeout
local p = concurrent.spawn(function() concurrent.receive() end)
assert(concurrent.loop(1) == false)
assert(concurrent.loop(0) == false)
assert(concurrent.isprocessalive(p))

-- interrupted by a process
concurrent.spawn(function() concurrent.interrupt() end)
assert(concurrent.loop() == false)
assert(concurrent.isprocessalive(p))

-- after an interrupt it can go on
concurrent.send(p, 'end')
assert(concurrent.loop() == true and not concurrent.isprocessalive(p))

-- processes that spawn processes
local function tree(n)
  if n == 0 then concurrent.send(root, 'leaf') else
    concurrent.spawn(tree, n - 1)
    concurrent.spawn(tree, n - 1)
  end
end
concurrent.spawn(tree, 4)
assert(concurrent.loop() == true)
local leaves = 0
while concurrent.receive(0) do leaves = leaves + 1 end
assert(leaves == 16)

-- a process that never ends does not hold loop with a timeout
p = concurrent.spawn(function() while true do end end)
assert(concurrent.loop(1) == false)
concurrent.kill(p)
assert(concurrent.loop() == true)

-- only the root may call these
for _, name in ipairs { 'loop', 'step', 'tick' } do
  concurrent.spawn(function()
    local ok, e = pcall(concurrent[name])
    concurrent.send(root, { ok = ok, named = type(e) == 'string' and e:find(name, 1, true) ~= nil })
  end)
  concurrent.loop()
  local m = concurrent.receive(0)
  assert(m.ok == false and m.named, name)
end

-- wrong arguments
for _, bad in ipairs { 'x', {}, -1 } do
  local ok, e = pcall(concurrent.loop, bad)
  assert(not ok and e:find('loop', 1, true), e)
end
