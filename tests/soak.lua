-- Random operations of many processes for a time; at the end of each cycle everything is killed, and nothing may be left.
--
-- Arguments: seconds, seed. What is left over is an error: processes, names, links, monitors, timers, threads, open files,
-- zombies, memory. Errors and limits of the processes themselves are reported on standard error, as they should be.
local concurrent = require 'concurrent'
local root = concurrent.self()
local seconds, seed = tonumber(arg[1] or 10), math.tointeger(arg[2] or 1)
math.randomseed(seed)

local POPULATION = 120
local CYCLE_MS = math.min(10000, seconds * 1000 / 3)

local function other()
  local all = concurrent.processes()
  local pid = all[math.random(#all)]
  return pid ~= root and pid or nil
end
-- Nobody spawns while the cycle ends: a few that are left over would soon be many again.
local function may_spawn() return not concurrent.whereis 'stop' and #concurrent.processes() < POPULATION end
local function name() return 'name' .. math.random(20) end
local function target() return math.random(4) == 1 and name() or other() or name() end

local function value(depth)
  local kind = math.random(8)
  if kind == 1 then return math.random(0) end
  if kind == 2 then return ('x'):rep(math.random(0, 300)) end
  if kind == 3 then return ('y'):rep(math.random(0, 20000)) end
  if kind == 4 then return concurrent.self() end
  if kind == 5 then
    local n = math.random()
    return function() return n end
  end
  local t = { kind = kind, at = concurrent.time() }
  if depth < 3 then
    for i = 1, math.random(4) do t[i] = value(depth + 1) end
  end
  return t
end

local actor
local operations = {
  function() if may_spawn() then concurrent.spawn(actor, math.random(0)) end end,
  function() if may_spawn() then concurrent.spawnlink(actor, math.random(0)) end end,
  function() if may_spawn() then concurrent.spawnmonitor(actor, math.random(0)) end end,
  function() concurrent.send(target(), value(1)) end,
  function() for _ = 1, math.random(30) do concurrent.send(target(), value(2)) end end,
  function() concurrent.receive(math.random(0, 4)) end,
  function() for _ = 1, 20 do if concurrent.receive(0) == nil then break end end end,
  function() concurrent.receive(math.random(0, 3), { kind = math.random(6, 8) }) end,
  function() concurrent.receive(math.random(0, 3), function(m) return type(m) == 'table' and m.signal end) end,
  function()
    -- A wait within a match function.
    concurrent.receive(1, function(m) return concurrent.receive(math.random(0, 1)) == m end)
  end,
  function() concurrent.receive(100000, function() return math.random(20) == 1 end) end,
  function() concurrent.sleep(math.random() * 3) end,
  function() local p = target(); concurrent.link(p) end,
  function() local p = other(); if p then concurrent.link(p); concurrent.unlink(p) end end,
  function() for _, p in ipairs(concurrent.processinfo(concurrent.self()).links) do concurrent.unlink(p) end end,
  function() concurrent.monitor(target()) end,
  function() local p = target(); concurrent.monitor(p); concurrent.demonitor(p) end,
  function() for _, p in ipairs(concurrent.processinfo(concurrent.self()).monitors) do concurrent.demonitor(p) end end,
  function() concurrent.register(name()) end,
  function() local p = other(); if p then concurrent.register(name(), p) end end,
  function() concurrent.unregister(math.random(2) == 1 and name() or nil) end,
  function() concurrent.whereis(name()); concurrent.registered() end,
  function()
    local p = other()
    if p and concurrent.kill(p, math.random(3) == 1 and 'normal' or 'killed') then
      assert(not concurrent.isprocessalive(p), 'killed, and alive')
      assert(concurrent.processinfo(p) == nil, 'killed, and known')
    end
  end,
  function() concurrent.isprocessalive(target()) end,
  function() concurrent.processinfo(target()) end,
  function() concurrent.setoption('trapexit', math.random(2) == 1) end,
  function() concurrent.setoption('maxmailbox', math.random(10, 200)) end,
  function() concurrent.setoption('maxheap', math.random(1, 4) * 1000000) end,
  function()
    local f <close> = io.tmpfile()
    f:write(('z'):rep(math.random(5000)))
    f:seek 'set'
    f:read 'a'
  end,
  function()
    if math.random(10) == 1 then
      local f = io.popen 'sleep 0.02'
      f:read 'a'
      if math.random(2) == 1 then f:close() end
    end
  end,
  function() for _ = 1, math.random(20000) do end end,
  function()
    local t = {}
    for i = 1, math.random(20000) do t[i] = { i } end
    if math.random(5) == 1 then collectgarbage() end
  end,
  function()
    local co = coroutine.wrap(function()
      while true do coroutine.yield(concurrent.receive(math.random(0, 1))) end
    end)
    for _ = 1, 3 do co() end
  end,
  function()
    local closed <close> = setmetatable({}, { __close = function() concurrent.send(target(), 'closed') end })
    concurrent.receive(1)
  end,
  function() setmetatable({}, { __gc = function() concurrent.send(target(), 'collected') end }) end,
  function() concurrent.interrupt() end,
  function() if math.random(4) == 1 then concurrent.exit(math.random(3) == 1 and 'normal' or value(2)) end end,
  function() if math.random(40) == 1 then error 'on purpose' end end,
}

function actor(own_seed)
  math.randomseed(own_seed)
  if math.random(2) == 1 then concurrent.setoption('trapexit', true) end
  for _ = 1, math.random(200) do operations[math.random(#operations)]() end
end

local function status(key)
  for line in io.lines '/proc/self/status' do
    local n = line:match('^' .. key .. ':%s+(%d+)')
    if n then return tonumber(n) end
  end
end
local function open_files()
  local f <close> = io.popen 'ls /proc/$PPID/fd | wc -l'
  return tonumber((f:read 'a'))
end
-- Programs that have ended and that nobody has waited for.
local function zombies()
  local f <close> = io.popen 'grep -l ") Z $PPID " /proc/[0-9]*/stat 2>/dev/null | wc -l'
  return tonumber((f:read 'a'))
end

local function chaos(ms)
  local over = concurrent.time() + ms
  while concurrent.time() < over do
    while #concurrent.processes() < POPULATION / 2 do
      concurrent.spawn(actor, math.random(0))
    end
    for _ = 1, 1000 do
      if concurrent.receive(0) == nil then break end
    end
    if math.random(20) == 1 then
      -- Nobody starves: one that is new gets its turn.
      local asked = concurrent.time()
      local tag = math.random(0)
      local pid = concurrent.spawnmonitor(function() concurrent.send(root, { tag = tag }) end)
      -- Unless somebody has killed it.
      local answer = concurrent.receive(20000, function(m)
        return type(m) == 'table' and (m.tag == tag or m.signal and m.from == pid)
      end)
      assert(answer, 'a new process does not come to run')
      local took = concurrent.time() - asked
      assert(took < 10000, took)
    end
    concurrent.receive(math.random(0, 10))
  end
end
local function clear()
  local begun = concurrent.time()
  assert(concurrent.register 'stop')
  while #concurrent.processes() > 1 do
    local all = concurrent.processes()
    for _, p in ipairs(all) do
      if p ~= root then concurrent.kill(p) end
    end
    for _, p in ipairs(all) do assert(p == root or not concurrent.isprocessalive(p), 'killed, and alive') end
    assert(concurrent.time() - begun < 30000, 'processes that do not end')
  end
  while not concurrent.loop(100) do assert(concurrent.time() - begun < 30000, 'processes that do not end') end
  while concurrent.receive(0) ~= nil do end
  assert(concurrent.unregister 'stop')
  assert(#concurrent.registered() == 0, 'names are left')
  local info = concurrent.processinfo(root)
  assert(#info.links == 0 and #info.monitors == 0 and info.mailbox == 0)
  -- No timer, no signal and no call of the system is under way.
  local ok, e = pcall(concurrent.receive)
  assert(not ok and tostring(e):find('deadlock: 1 process', 1, true), e)
  collectgarbage()
  -- Threads that nobody needs end after two seconds.
  concurrent.sleep(2600)
end

local first
local cycles = 0
local begun = concurrent.time()
repeat
  chaos(CYCLE_MS)
  clear()
  cycles = cycles + 1
  local now = { memory_kb = status 'VmRSS', threads = status 'Threads', files = open_files(),
    zombies = zombies() }
  print(('%d s: %d KB, %d threads, %d files, %d zombies'):format((concurrent.time() - begun) // 1000, now.memory_kb,
    now.threads, now.files, now.zombies))
  first = first or now
  assert(now.memory_kb < first.memory_kb * 1.25 + 20000, 'memory is left')
  assert(now.threads <= first.threads + 2, 'threads are left')
  assert(now.files <= first.files + 3, 'files are left')
  assert(now.zombies <= 3, 'zombies are left')
until concurrent.time() - begun > seconds * 1000
print(('%d cycles, seed %d: nothing is left'):format(cycles, seed))
