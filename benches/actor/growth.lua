-- growth: microseconds of an operation among 1,000 and among 100,000 of its kind; what is more than linear shows as a ratio.
-- arg[1] = the larger number (100000)
local c = require 'concurrent'
local LARGE = tonumber(arg and arg[1] or 100000)
local root = c.self()
local function clock() return c.time() * 1000 end

local function waits() c.receive(nil, { never = true }) end
local function spawn_all(n, body)
  local all = {}
  for i = 1, n do all[i] = c.spawn(body) end
  return all
end
local function end_all(all)
  for i = 1, #all do c.kill(all[i]) end
end
local function timed(n, f, ...)
  local t = clock()
  f(...)
  return (clock() - t) / n
end

local cases = {
  { 'watchers of one process', function(n)
    local target = c.spawn(function() c.receive() end)
    local all = spawn_all(n, function() c.monitor(target) c.send(root, 'there') c.receive() end)
    for _ = 1, n do c.receive(nil, nil) end
    local t = timed(n, function()
      c.monitor(target)
      c.kill(target)
      c.receive()
    end)
    end_all(all)
    return t
  end },
  { 'processes watched by one', function(n)
    local all = spawn_all(n, waits)
    local t = timed(n, function()
      for i = 1, n do c.monitor(all[i]) end
      for i = 1, n do c.kill(all[i]) end
      for _ = 1, n do c.receive() end
    end)
    return t
  end },
  { 'monitor and demonitor', function(n)
    local all = spawn_all(n, waits)
    for i = 1, n do c.monitor(all[i]) end
    local one = c.spawn(waits)
    local t = timed(1000, function() for _ = 1, 1000 do c.monitor(one) c.demonitor(one) end end)
    for i = 1, n do c.demonitor(all[i]) end
    end_all(all) c.kill(one)
    return t
  end },
  { 'names of one process', function(n)
    local p = c.spawn(waits)
    local t = timed(n, function()
      for i = 1, n do assert(c.register('name' .. i, p)) end
      c.monitor(p)
      c.kill(p)
      c.receive()
    end)
    assert(#c.registered() == 0)
    return t
  end },
  { 'chain of links, unwound', function(n)
    local function member(left, top)
      if left > 0 then c.spawnlink(member, left - 1, top) else c.send(top, 'bottom') end
      c.receive()
    end
    local p = c.spawnmonitor(member, n, root)
    c.receive()
    local t = timed(n, function()
      c.kill(p, 'unwind')
      c.receive()
      while #c.processes() > 1 do c.sleep(1) end
    end)
    return t
  end },
  { 'timers set and cancelled beside others', function(n)
    local all = spawn_all(n, function() c.receive(3600000) end)
    c.sleep(10)
    local echo = c.spawn(function() while true do c.send(root, c.receive(3600000)) end end)
    local t = timed(2000, function() for i = 1, 2000 do c.send(echo, i) c.receive(3600000) end end)
    end_all(all) c.kill(echo)
    return t
  end },
  { 'modules kept by load', function(n)
    n = n // 4
    local kept = {}
    return timed(n, function() for i = 1, n do kept[i] = load('return ' .. i) end end)
  end },
  { 'skipped messages, by a table', function(n)
    for i = 1, n do c.send(root, { kind = 'other', n = i }) end
    c.send(root, { kind = 'this' })
    local t = timed(n, function() c.receive(nil, { kind = 'this' }) end)
    while c.receive(0) do end
    return t
  end },
  { 'spawn and end', function(n)
    local all = spawn_all(n, waits)
    local t = timed(1000, function()
      for _ = 1, 1000 do
        c.spawnmonitor(function() end)
        c.receive()
      end
    end)
    end_all(all)
    return t
  end },
}

c.sleep(1)
for _, case in ipairs(cases) do
  local small, large = math.huge, math.huge
  -- The least of three: what others do on the machine meanwhile is no growth.
  for _ = 1, 3 do
    small = math.min(small, case[2](1000))
    collectgarbage()
    while #c.processes() > 1 do c.sleep(1) end
  end
  for _ = 1, 3 do
    large = math.min(large, case[2](LARGE))
    collectgarbage()
    while #c.processes() > 1 do c.sleep(1) end
  end
  print(('%-42s %8.2f us at 1,000 %8.2f us at %d: %.2f'):format(case[1], small, large, LARGE, large / small))
end
