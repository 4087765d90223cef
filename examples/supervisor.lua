-- A supervisor starts a worker, is told when it ends, and starts it again until the work is done.
-- Run it with: rlua-actor run examples/supervisor.lua

local concurrent = require 'concurrent'

-- does jobs until it meets one that it cannot do
local function worker(supervisor, first, last)
  for job = first, last do
    if job % 3 == 0 then concurrent.exit { failed = job } end
    concurrent.send(supervisor, { done = job })
  end
end

local function supervisor(last)
  local next_job, restarts = 1, 0
  local child = concurrent.spawnmonitor(worker, concurrent.self(), next_job, last)
  while true do
    local msg = concurrent.receive()
    if msg.done then
      print('done', msg.done)
    elseif msg.signal == 'DOWN' and msg.from == child then
      if msg.reason == 'normal' then break end
      print('failed', msg.reason.failed)
      restarts = restarts + 1
      next_job = msg.reason.failed + 1            -- leave the bad job out
      child = concurrent.spawnmonitor(worker, concurrent.self(), next_job, last)
    end
  end
  print('finished after ' .. restarts .. ' restarts')
end

concurrent.spawn(supervisor, 7)
concurrent.loop()
