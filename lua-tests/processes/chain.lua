-- test: processes
-- test: workers
-- A chain and a ring of processes; processes that spawn processes.
local concurrent = require 'concurrent'
local root = concurrent.self()

-- each link adds one
local function link(nextpid)
  concurrent.send(nextpid, concurrent.receive() + 1)
end
local at = root
for _ = 1, 100 do at = concurrent.spawn(link, at) end
concurrent.send(at, 0)
assert(concurrent.receive() == 100)

-- a ring: the token goes round three times
local function node(first)
  local nextpid = concurrent.receive()
  local rounds = 0
  while true do
    local token = concurrent.receive()
    if token == 'stop' then
      if nextpid ~= first then concurrent.send(nextpid, 'stop') end
      return
    end
    if concurrent.self() == first then
      rounds = rounds + 1
      if rounds == 4 then
        concurrent.send(root, token)
        concurrent.send(nextpid, 'stop')
        return
      end
    end
    concurrent.send(nextpid, token + 1)
  end
end
local ring = {}
ring[1] = concurrent.spawn(function() node(concurrent.self()) end)
for i = 2, 8 do ring[i] = concurrent.spawn(node, ring[1]) end
for i = 1, 8 do concurrent.send(ring[i], ring[i % 8 + 1]) end
concurrent.send(ring[1], 0)
assert(concurrent.receive() == 24)

-- a tree of spawns that gives its result to its parent
local function sum(to, lo, hi)
  if lo == hi then return concurrent.send(to, lo) end
  local mid, me = (lo + hi) // 2, concurrent.self()
  concurrent.spawn(sum, me, lo, mid)
  concurrent.spawn(sum, me, mid + 1, hi)
  concurrent.send(to, concurrent.receive() + concurrent.receive())
end
concurrent.spawn(sum, root, 1, 32)
assert(concurrent.receive() == 528)
assert(concurrent.loop() == true)
print('done')
