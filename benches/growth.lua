-- Growth: what an operation takes among few and among many of its kind. Two tables:
-- 1. operations among 1,000 and among a million (where a case says so, among fewer), and the ratio of the times of one;
-- 2. tables of keys that were chosen to meet beside tables of other keys: how much more an operation takes.
-- Where there are no processes (lua5.4), what needs some is left out.
--   rlua-actor run --workers 1 benches/growth.lua [the larger number] [pattern of names]
local has_processes, c = pcall(require, 'concurrent')
local LARGE = math.tointeger(tonumber(arg and arg[1] or 1000000))
local wanted = arg and arg[2] or ''
local SMALL = 1000
local root = has_processes and c.self()
-- Microseconds: of the processor where one process does it all, else of the clock.
local function cpu() return os.clock() * 1e6 end
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
-- As many operations in all, whatever the number of a round.
local function rounds(n, f)
  local times = LARGE // n
  collectgarbage()
  local t = cpu()
  for _ = 1, times do f(n) end
  return (cpu() - t) / (times * n)
end

-- A case: its name, what it does among n, and the largest n if a million is too many.
local cases = {
  { 'table inserts, a list', function(n) return rounds(n, function(n) local t = {} for i = 1, n do t[i] = i end end) end },
  { 'table inserts, other integers', function(n)
    return rounds(n, function(n) local t = {} for i = 1, n do t[i * 1000003] = i end end)
  end },
  { 'table inserts, floats', function(n) return rounds(n, function(n) local t = {} for i = 1, n do t[i + 0.5] = i end end) end },
  { 'distinct string keys, made and inserted', function(n)
    return rounds(n, function(n) local t = {} for i = 1, n do t['key ' .. i] = i end end)
  end },
  { 'lookups of string keys', function(n)
    local t, keys = {}, {}
    for i = 1, n do
      keys[i] = 'key ' .. i
      t[keys[i]] = i
    end
    return rounds(n, function(n) local s = 0 for i = 1, n do s = s + t[keys[i]] end end)
  end },
  { 'collection of live objects', function(n)
    local t = {}
    for i = 1, n do t[i] = { i } end
    local time = rounds(n, function() collectgarbage() end)
    return time, t
  end },
}
local processes = {
  { 'spawns', function(n)
    -- Until all of them wait: what a process is made of is made when it first runs.
    local all
    local t = timed(n, function()
      all = spawn_all(n, function() c.send(root, 'there') waits() end)
      for _ = 1, n do c.receive() end
    end)
    end_all(all)
    return t
  end },
  { 'registered names', function(n)
    local p = c.spawn(waits)
    local t = timed(n, function() for i = 1, n do assert(c.register('name' .. i, p)) end end)
    t = t + timed(n, function() for i = 1, n do assert(c.whereis('name' .. i) == p) end end)
    c.kill(p)
    return t
  end },
  { 'timers', function(n)
    -- All of them wait, each for a time of its own.
    local all = spawn_all(n, function() c.receive() c.receive(3600000) end)
    while #c.processes() < n + 1 do c.sleep(1) end
    local t = timed(n, function()
      for i = 1, n do c.send(all[i], 'begin') end
      c.sleep(0)
      for i = 1, n do c.send(all[i], 'end') end
      c.sleep(0)
    end)
    end_all(all)
    return t
  end, 100000 },
  { 'mailbox: sent, then received', function(n)
    return timed(n, function()
      for i = 1, n do c.send(root, i) end
      for i = 1, n do assert(c.receive() == i) end
    end)
  end },
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
  end, 100000 },
  { 'processes watched by one', function(n)
    local all = spawn_all(n, waits)
    local t = timed(n, function()
      for i = 1, n do c.monitor(all[i]) end
      for i = 1, n do c.kill(all[i]) end
      for _ = 1, n do c.receive() end
    end)
    return t
  end, 100000 },
  { 'monitor and demonitor', function(n)
    local all = spawn_all(n, waits)
    for i = 1, n do c.monitor(all[i]) end
    local one = c.spawn(waits)
    local t = timed(1000, function() for _ = 1, 1000 do c.monitor(one) c.demonitor(one) end end)
    for i = 1, n do c.demonitor(all[i]) end
    end_all(all) c.kill(one)
    return t
  end, 100000 },
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
  end, 100000 },
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
  end, 100000 },
  { 'timers set and cancelled beside others', function(n)
    local all = spawn_all(n, function() c.receive(3600000) end)
    c.sleep(10)
    local echo = c.spawn(function() while true do c.send(root, c.receive(3600000)) end end)
    local t = timed(2000, function() for i = 1, 2000 do c.send(echo, i) c.receive(3600000) end end)
    end_all(all) c.kill(echo)
    return t
  end, 100000 },
  { 'modules kept by load', function(n)
    n = n // 4
    local kept = {}
    return timed(n, function() for i = 1, n do kept[i] = load('return ' .. i) end end)
  end, 100000 },
  { 'skipped messages, by a table', function(n)
    for i = 1, n do c.send(root, { kind = 'other', n = i }) end
    c.send(root, { kind = 'this' })
    local t = timed(n, function() c.receive(nil, { kind = 'this' }) end)
    while c.receive(0) do end
    return t
  end, 100000 },
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
  end, 100000 },
}

local function line(name, small, large, n)
  print(('%-44s %10.3f us at %d %10.3f us at %9d   %6.2f'):format(name, small, SMALL, large, n, large / small))
end
-- The least of three: what others do on the machine meanwhile is no growth.
local function least(f, ...)
  local best = math.huge
  for _ = 1, 3 do
    best = math.min(best, (f(...)))
    collectgarbage()
    while has_processes and #c.processes() > 1 do c.sleep(1) end
  end
  return best
end
if has_processes then
  c.sleep(1)
  for _, case in ipairs(processes) do cases[#cases + 1] = case end
end
for _, case in ipairs(cases) do
  if case[1]:find(wanted) then
    local n = math.min(LARGE, case[3] or LARGE)
    line(case[1], least(case[2], SMALL), least(case[2], n), n)
  end
end

-- Chosen keys: integers whose fixed hashes have nearly the same low bits, floats of the same, strings of one hash.
local function integer(i) return i * (10548369 << 22) end
local function float(i) return i * (10548369 << 12) + 0.5 end
local chosen = {
  { 'integers', integer, function(i) return i * 1000003 end },
  { 'floats', float, function(i) return i * 1000003 + 0.5 end },
  { 'strings of 16 bytes', function(i) return string.pack('<i8i8', 16, i) end, function(i) return string.pack('<i8i8', i, i) end },
  { 'strings of 66 bytes', function(i) return string.pack('<i8i8', 66, i) .. ('.'):rep(50) end,
    function(i) return string.pack('<i8i8', i, i) .. ('.'):rep(50) end },
}
local function filled(keys)
  local t = {}
  for i = 1, #keys do t[keys[i]] = i end
  return t
end
-- What is measured with a list of keys: microseconds of each.
local measured = {
  { 'inserted', function(keys)
    local t = cpu()
    filled(keys)
    return cpu() - t
  end },
  { 'found', function(keys)
    local all, s = filled(keys), 0
    local t = cpu()
    for i = 1, #keys do s = s + all[keys[i]] end
    return cpu() - t
  end },
}
if has_processes then
  measured[3] = { 'in a message', function(keys)
    local all = filled(keys)
    local t = clock()
    c.send(root, all)
    local got = c.receive()
    t = clock() - t
    assert(next(got))
    return t
  end }
  measured[4] = { 'found after a message', function(keys)
    c.send(root, { filled(keys), keys })
    local all, keys = table.unpack(c.receive())
    local s = 0
    local t = cpu()
    for i = 1, #keys do s = s + all[keys[i]] end
    return cpu() - t
  end }
  measured[5] = { 'found by a child that has them', function(keys)
    local all = filled(keys)
    c.spawn(function()
      local s = 0
      for i = 1, #keys do s = s + all[keys[i]] end
      local t = cpu()
      for i = 1, #keys do s = s + all[keys[i]] end
      c.send(root, cpu() - t)
    end)
    return c.receive()
  end }
end
for _, kind in ipairs(chosen) do
  for _, what in ipairs(measured) do
    local name = kind[1] .. ', ' .. what[1]
    if name:find(wanted) then
      local times = {}
      for i = 1, 2 do
        local keys = {}
        for n = 1, math.min(LARGE, 50000) do keys[n] = kind[i + 1](n) end
        times[i] = least(what[2], keys) / #keys
      end
      print(('%-44s %10.3f us chosen  %10.3f us others                %6.2f'):format(name, times[1], times[2], times[1] / times[2]))
    end
  end
end
