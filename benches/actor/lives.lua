-- Lives of processes, as lives.erl has them: arg[1] is the kind, arg[2] how many; prints `rate=` in a second.
-- exit: each sends one message and ends, a thousand at a time. wait: each waits for a message; the rate of their spawns.
-- stop: as wait; the rate from the first message to the last end. monitor: one after the other, spawned, monitored and ended
-- abnormally. build: a chain in which each spawns and links the next. unwind: such a chain, whose last ends abnormally.
local concurrent = require 'concurrent'
local time = require 'concurrent.time'
concurrent.setoption('tick', 0)

local kind, n = arg[1], tonumber(arg[2])
local BATCH = 1000

local function sender(main) concurrent.send(main, true) end
local function waiter(main)
  concurrent.receive()
  concurrent.send(main, true)
end
local function failing()
  concurrent.receive()
  concurrent.exit('boom')
end
local function chain(left, main)
  if left == 1 then
    concurrent.send(main, concurrent.self())
    failing()
  end
  concurrent.spawnlink(chain, left - 1, main)
  concurrent.receive()
end

local kinds = {}
function kinds.exit(main)
  for first = 1, n, BATCH do
    local batch = math.min(BATCH, n - first + 1)
    for _ = 1, batch do concurrent.spawn(sender, main) end
    for _ = 1, batch do concurrent.receive() end
  end
end
function kinds.wait(main)
  local pids = {}
  for i = 1, n do pids[i] = concurrent.spawn(waiter, main) end
  return pids
end
function kinds.stop(main)
  local pids = kinds.wait(main)
  concurrent.receive(300)
  local begun = time.time()
  for i = 1, n do concurrent.send(pids[i], true) end
  for _ = 1, n do concurrent.receive() end
  return nil, begun
end
function kinds.monitor()
  for _ = 1, n do
    local pid = concurrent.spawn(failing)
    concurrent.monitor(pid)
    concurrent.send(pid, true)
    assert(concurrent.receive().reason == 'boom')
  end
end
function kinds.build(main)
  concurrent.monitor(concurrent.spawn(chain, n, main))
  return concurrent.receive()
end
function kinds.unwind(main)
  local last = kinds.build(main)
  local begun = time.time()
  concurrent.send(last, true)
  assert(concurrent.receive().signal == 'DOWN')
  return nil, begun
end

concurrent.spawn(function()
  local begun = time.time()
  local _, later = kinds[kind](concurrent.self())
  print(('rate=%d'):format(n * 1000 // math.max(1, time.time() - (later or begun))))
  os.exit()
end)
concurrent.loop()
