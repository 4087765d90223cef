-- Races of two processes, and what the rules allow to be seen afterwards (spec/processes.md).
--
-- Arguments: rounds, seed of the jitter, and a part of the names of the races that are to run (default: all).
--
-- Each row: what holds before, what P does, what Q does (and T, the third), and all allowed observations. An observation
-- names the processes in order: `P!x` is dead with reason x, `P=true,false` lives and its calls returned this,
-- `P[EXIT Q x]` has this in its mailbox; then links `P-Q`, monitors `P>Q`, names `n=P`, and children that are left `C`.
local concurrent = require 'concurrent'
local rounds = math.tointeger(arg[1] or 1)
math.randomseed(math.tointeger(arg[2] or 1))
local selected = arg[3]

local races = {
  -- Links.
  { P = 'link Q', Q = 'link P', 'P Q P-Q' },
  { P = 'link Q', Q = 'unlink P', 'P Q P-Q', 'P Q' },
  { before = 'P-Q', P = 'link Q', Q = 'unlink P', 'P Q P-Q', 'P Q' },
  { before = 'P-Q', P = 'unlink Q', Q = 'unlink P', 'P Q' },
  { before = 'P-Q', P = 'unlink Q; link Q', Q = 'unlink P', 'P Q P-Q', 'P Q' },
  -- Whatever the order, a link is the last that was asked for.
  { before = 'P-Q', P = 'unlink Q; link Q', Q = 'unlink P; link P', 'P Q P-Q' },
  { P = 'link Q', Q = 'link P; unlink P', 'P Q P-Q', 'P Q' },
  { P = 'link T', Q = 'link T', T = 'exit x', 'P!x Q!x T!x', 'P!x Q!noproc T!x', 'P!noproc Q!x T!x',
    'P!noproc Q!noproc T!x' },
  { P = 'link Q', Q = 'exit x', 'P!x Q!x', 'P!noproc Q!x' },
  { P = 'link Q', Q = 'return', 'P Q!normal', 'P!noproc Q!normal' },
  { P = 'link Q', Q = 'exit normal', 'P Q!normal', 'P!noproc Q!normal' },
  { before = 'Ptrap', P = 'link Q', Q = 'exit x', 'P[EXIT Q x] Q!x', 'P[EXIT Q noproc] Q!x' },
  { before = 'Ptrap', P = 'link Q', Q = 'return', 'P Q!normal', 'P[EXIT Q noproc] Q!normal' },
  { P = 'link Q', Q = 'kill P x', 'P!x Q!x', 'P!x Q=true' },
  { P = 'link T', Q = 'kill T x', 'P!x Q=true T!x', 'P!noproc Q=true T!x' },
  { P = 'link T', Q = 'kill T normal', 'P Q=true T!normal', 'P!noproc Q=true T!normal' },
  { before = 'Ptrap', P = 'link T', Q = 'kill T x', 'P[EXIT T x] Q=true T!x', 'P[EXIT T noproc] Q=true T!x' },
  { before = 'P-Q', P = 'unlink Q', Q = 'exit x', 'P Q!x', 'P!x Q!x' },
  { before = 'P-Q Ptrap', P = 'unlink Q', Q = 'exit x', 'P Q!x', 'P[EXIT Q x] Q!x' },
  { before = 'P-Q', P = 'unlink Q', Q = 'return', 'P Q!normal' },
  { before = 'P-Q', P = 'unlink Q', Q = 'kill P x', 'P!x Q!x', 'P!x Q=true' },
  { before = 'P-T', P = 'unlink T', Q = 'kill T x', 'P Q=true T!x', 'P!x Q=true T!x' },
  { before = 'P-Q', P = 'unlink Q; link Q', Q = 'exit x', 'P!x Q!x', 'P!noproc Q!x' },
  { before = 'P-Q Ptrap', P = 'unlink Q; link Q', Q = 'exit x', 'P[EXIT Q x] Q!x', 'P[EXIT Q noproc] Q!x',
    'P[EXIT Q x,EXIT Q noproc] Q!x' },

  -- Exits.
  { before = 'P-Q', P = 'exit x', Q = 'exit y', 'P!x Q!y', 'P!x Q!x', 'P!y Q!y' },
  { before = 'P-Q Qtrap', P = 'exit x', Q = 'exit y', 'P!x Q!y', 'P!y Q!y' },
  { before = 'P-Q', P = 'exit normal', Q = 'exit y', 'P!normal Q!y', 'P!y Q!y' },
  { before = 'P-Q Qtrap', P = 'exit normal', Q = 'return', 'P!normal Q!normal' },
  -- The message and the exit signal are found together, in the middle of a slice.
  { before = 'P-Q', P = 'poll; exit x', Q = 'send P a; exit y', 'P!x Q!y', 'P!y Q!y', 'P!x Q!x' },
  { before = 'P-Q', P = 'poll; poll; poll; exit x', Q = 'send P a; exit y', 'P!x Q!y', 'P!y Q!y', 'P!x Q!x' },
  { before = 'P-T Q-T', P = 'exit x', Q = 'exit y', 'P!x Q!y T!x', 'P!x Q!y T!y', 'P!x Q!x T!x', 'P!y Q!y T!y' },
  { before = 'P-Q', P = 'exit x', Q = 'trapexit', 'P!x Q!x', 'P!x Q[EXIT P x]' },
  { before = 'P-Q Qtrap', P = 'exit x', Q = 'untrapexit', 'P!x Q!x', 'P!x Q[EXIT P x]' },

  -- Monitors.
  { P = 'monitor Q', Q = 'monitor P', 'P Q P>Q Q>P' },
  { P = 'exit x', Q = 'monitor P', 'P!x Q[DOWN P x]', 'P!x Q[DOWN P noproc]' },
  { P = 'return', Q = 'monitor P', 'P!normal Q[DOWN P normal]', 'P!normal Q[DOWN P noproc]' },
  { P = 'kill T x', Q = 'monitor T', 'P=true Q[DOWN T x] T!x', 'P=true Q[DOWN T noproc] T!x' },
  { P = 'monitor Q', Q = 'kill P x', 'P!x Q=true' },
  { before = 'Q>P', P = 'exit x', Q = 'demonitor P', 'P!x Q' },
  { before = 'Q>P', P = 'exit x', Q = 'demonitor P; monitor P', 'P!x Q[DOWN P x]', 'P!x Q[DOWN P noproc]' },
  { before = 'Q>P', P = 'exit x', Q = 'monitor P', 'P!x Q[DOWN P x]', 'P!x Q[DOWN P x,DOWN P noproc]' },
  { before = 'Q>P', P = 'exit x', Q = 'monitor P; demonitor P', 'P!x Q' },
  { before = 'P>T Q>T', P = 'demonitor T', Q = 'kill T x', 'P Q=true[DOWN T x] T!x' },
  { before = 'P>Q Q>P', P = 'kill Q x', Q = 'kill P y', 'P!y Q!x', 'P=true[DOWN Q x] Q!x', 'P!y Q=true[DOWN P y]' },
  { P = 'exit x', Q = 'link P; monitor P', 'P!x Q!x', 'P!x Q!noproc' },
  { before = 'Qtrap', P = 'exit x', Q = 'link P; monitor P', 'P!x Q[DOWN P x,EXIT P x]', 'P!x Q[EXIT P x,DOWN P noproc]',
    'P!x Q[EXIT P noproc,DOWN P noproc]' },

  -- Kills.
  { P = 'kill Q x', Q = 'exit y', 'P=true Q!x', 'P=true Q!y', 'P=false Q!y' },
  { P = 'kill Q x', Q = 'return', 'P=true Q!x', 'P=true Q!normal', 'P=false Q!normal' },
  { P = 'kill Q x', Q = 'trapexit', 'P=true Q!x' },
  { P = 'kill Q x', Q = 'kill P y', 'P!y Q!x', 'P=true Q!x', 'P!y Q=true' },
  { P = 'kill T x', Q = 'kill T y', 'P=true Q=false T!x', 'P=false Q=true T!y' },
  { P = 'kill T x; isprocessalive T', Q = 'monitor T', 'P=true,false Q[DOWN T x] T!x',
    'P=true,false Q[DOWN T noproc] T!x' },
  { P = 'kill T x; isprocessalive T', Q = 'link T', 'P=true,false Q!x T!x', 'P=true,false Q!noproc T!x' },
  { P = 'kill T x; processinfo T', Q = 'send T a', 'P=true,nil Q=true T!x', 'P=true,nil Q=false T!x' },
  { before = 'P-T', P = 'kill T x', Q = 'kill P y', 'P!y Q=true T!y', 'P!x Q=true T!x', 'P!x Q=false T!x', 'P!y Q=true T!x' },
  { before = 'Q-T', P = 'kill T normal', Q = 'unlink T', 'P=true Q T!normal' },
  { before = 'Q-T', P = 'kill T normal', Q = 'isprocessalive T', 'P=true Q=true T!normal', 'P=true Q=false T!normal' },
  { before = 'Q-T Qtrap', P = 'kill T normal', Q = 'kill T x', 'P=true Q=false T!normal', 'P=false Q=true[EXIT T x] T!x' },

  -- Names.
  { P = 'register n', Q = 'register n', 'P=true Q=false n=P', 'P=false Q=true n=Q' },
  { P = 'register n T', Q = 'register n', 'P=true Q=false T n=T', 'P=false Q=true T n=Q' },
  { P = 'register n T', Q = 'kill T x', 'P=true Q=true T!x', 'P=false Q=true T!x' },
  { before = 'T!x', P = 'register n T', Q = 'register n', 'P=false Q=true T!x n=Q' },
  { before = 'T!x', P = 'register n T; register n', Q = 'register n T', 'P=false,true Q=false T!x n=P' },
  { before = 'n=P', P = 'unregister n', Q = 'register n', 'P=true Q=true n=Q', 'P=true Q=false' },
  { before = 'n=P', P = 'exit x', Q = 'register n', 'P!x Q=true n=Q', 'P!x Q=false' },
  { before = 'n=P', P = 'exit x', Q = 'isprocessalive P; register n', 'P!x Q=false,true n=Q', 'P!x Q=true,false',
    'P!x Q=true,true n=Q' },
  { before = 'n=P', P = 'exit x', Q = 'isprocessalive P; whereis n', 'P!x Q=false,nil', 'P!x Q=true,P', 'P!x Q=true,nil' },
  { before = 'n=T', P = 'kill T x; register n', Q = 'whereis n', 'P=true,true Q=T T!x n=P', 'P=true,true Q=nil T!x n=P',
    'P=true,true Q=P T!x n=P' },
  { before = 'n=T', P = 'kill T x; register n', Q = 'register n', 'P=true,true Q=false T!x n=P', 'P=true,false Q=true T!x n=Q' },
  { before = 'n=T', P = 'unregister n', Q = 'unregister n', 'P=true Q=false T', 'P=false Q=true T' },
  { before = 'n=T', P = 'unregister n', Q = 'register n T', 'P=true Q=true T n=T', 'P=true Q=false T' },
  { before = 'n=T', P = 'unregister n; register n T', Q = 'kill T x', 'P=true,true Q=true T!x', 'P=true,false Q=true T!x',
    'P=false,false Q=true T!x' },
  { before = 'n=T', P = 'unregister n; register n', Q = 'unregister n', 'P=true,true Q=true T', 'P=true,true Q=false T n=P',
    'P=false,true Q=true T n=P' },
  { before = 'n=T', P = 'send n a', Q = 'unregister n', 'P=true Q=true T[a]', 'P=false Q=true T' },
  { before = 'n=T', P = 'send n a', Q = 'kill T x', 'P=true Q=true T!x', 'P=false Q=true T!x' },
  { before = 'n=T', P = 'send n a', Q = 'unregister n; register n', 'P=true Q=true,true T[a] n=Q',
    'P=true Q=true,true[a] T n=Q', 'P=false Q=true,true T n=Q' },
  { before = 'n=T', P = 'link n', Q = 'kill T x', 'P!x Q=true T!x', 'P!noproc Q=true T!x' },
  { before = 'n=T', P = 'monitor n', Q = 'unregister n', 'P Q=true T P>T', 'P[DOWN ? noproc] Q=true T' },
  { before = 'n=T', P = 'kill n x', Q = 'unregister n', 'P=true Q=true T!x', 'P=true Q=false T!x', 'P=false Q=true T' },
  { P = 'register n; exit x', Q = 'whereis n', 'P!x Q=nil', 'P!x Q=P' },
  { P = 'register n T; exit x', Q = 'kill T x; isprocessalive n', 'P!x Q=true,false T!x' },

  -- Messages.
  { P = 'send Q a; send Q b', Q = 'exit x', 'P=true,true Q!x', 'P=true,false Q!x', 'P=false,false Q!x' },
  { P = 'send T a; send T b', Q = 'send T c', 'P=true,true Q=true T[a,b,c]', 'P=true,true Q=true T[a,c,b]',
    'P=true,true Q=true T[c,a,b]' },
  { before = 'P-Q Qtrap', P = 'send Q a; exit x', Q = 'send P b', 'P!x Q=true[a,EXIT P x]', 'P!x Q=false[a,EXIT P x]' },
  { before = 'Q>P', P = 'send Q a; return', Q = 'demonitor P', 'P!normal Q[a]' },
  { P = 'send T a; link T', Q = 'kill T x', 'P!x Q=true T!x', 'P!noproc Q=true T!x' },
  { P = 'send Q a', Q = 'kill P x', 'P!x Q=true[a]', 'P!x Q=true' },
  { P = 'send T a; kill T x', Q = 'kill T y', 'P=true,true Q=false T!x', 'P=true,false Q=true T!y',
    'P=false,false Q=true T!y' },
  { P = 'isprocessalive Q', Q = 'exit x', 'P=true Q!x', 'P=false Q!x' },
  { P = 'isprocessalive Q; send Q a', Q = 'return', 'P=true,true Q!normal', 'P=true,false Q!normal',
    'P=false,false Q!normal' },
  { P = 'exit x', Q = 'isprocessalive P; monitor P', 'P!x Q=true[DOWN P x]', 'P!x Q=true[DOWN P noproc]',
    'P!x Q=false[DOWN P noproc]' },

  -- Children.
  { P = 'spawnlink idle', Q = 'kill P y', 'P!y Q=true' },
  { P = 'spawnlink exits', Q = 'kill P y', 'P!y Q=true', 'P!x Q=true', 'P!x Q=false' },
  { before = 'P-Q', P = 'spawnlink idle', Q = 'exit y', 'P!y Q!y' },
  { before = 'Ptrap', P = 'spawnlink exits', Q = 'kill P y', 'P!y Q=true' },
  { before = 'Ptrap P-Q', P = 'spawnlink exits', Q = 'exit y', 'P[EXIT C x,EXIT Q y] Q!y', 'P[EXIT Q y,EXIT C x] Q!y' },
  { P = 'spawnlink exits; unlink C', Q = 'nothing', 'P Q', 'P!x Q' },
  { P = 'spawnlink idle; kill C x', Q = 'kill P y', 'P!x Q=true', 'P!x Q=false', 'P!y Q=true' },
  { P = 'spawnmonitor exits', Q = 'kill P y', 'P!y Q=true' },
  { P = 'spawnmonitor exits; demonitor C', Q = 'nothing', 'P Q' },
  { P = 'spawnmonitor idle; kill C x', Q = 'nothing', 'P=true[DOWN C x] Q' },
  { before = 'P-Q', P = 'spawnmonitor exits', Q = 'exit y', 'P!y Q!y' },
  { before = 'P-Q Ptrap', P = 'spawnmonitor exits', Q = 'exit y', 'P[DOWN C x,EXIT Q y] Q!y', 'P[EXIT Q y,DOWN C x] Q!y' },
}

local ROLES = { 'P', 'Q', 'T' }
-- A name of its own for each round: what one leaves behind is not taken for the next one's.
local round_name

local function spin(n) for _ = 1, n do end end

-- What the words of a row do. They return what is to be observed; the other functions only ever return true.
local act = {}
for _, word in ipairs { 'link', 'unlink', 'monitor', 'demonitor' } do
  act[word] = function(who) assert(concurrent[word](who) == true) end
end
for _, word in ipairs { 'kill', 'isprocessalive', 'send', 'whereis', 'unregister' } do
  act[word] = function(...) return (concurrent[word](...)) end
end
function act.processinfo(who) return concurrent.processinfo(who) and true or nil end
function act.register(name, who) return (concurrent.register(name, who)) end
function act.trapexit() concurrent.setoption('trapexit', true) end
function act.untrapexit() concurrent.setoption('trapexit', false) end
function act.exit(reason) concurrent.exit(reason) end
function act.nothing() end
function act.poll()
  spin(math.random(200))
  concurrent.receive(0)
end
local observed = { kill = true, isprocessalive = true, send = true, whereis = true, unregister = true, register = true,
  processinfo = true }
local bodies = {
  idle = function() concurrent.receive() end,
  exits = function() concurrent.exit('x') end,
}


-- An actor: does what it is told on `go`, tells what its calls returned, and later what is in its mailbox.
local function actor(conductor, role, steps, jitter)
  local who = { conductor = conductor }
  local results, n = {}, 0
  local function perform(steps)
    for _, s in ipairs(steps) do
      if s[1] == 'return' then return true end
      local a, b = s[2], s[3]
      if s[1]:find '^spawn' then
        who.C = concurrent[s[1]](bodies[a])
      else
        local value = act[s[1]](who[a] or a, who[b] or b)
        if observed[s[1]] then
          n = n + 1
          results[n] = value == nil and 'nil' or value
        end
      end
    end
  end
  while true do
    local m = concurrent.receive(nil, { from_conductor = true })
    for k, v in pairs(m.who or {}) do who[k] = v end
    if m.setup then
      perform(m.setup)
      concurrent.send(conductor, { role = role, ready = true })
    elseif m.go then
      -- At the same moment on two workers, as far as that can be had.
      while concurrent.time() < m.at do end
      spin(jitter)
      results, n = {}, 0
      if perform(steps) then return end
      concurrent.send(conductor, { role = role, results = results, child = who.C })
    else
      local mail = {}
      while true do
        local x = concurrent.receive(0)
        if x == nil then break end
        mail[#mail + 1] = x
      end
      concurrent.send(conductor, { role = role, mail = mail })
    end
  end
end

local function parse(text)
  local steps = {}
  for part in (text or 'nothing'):gmatch '[^;]+' do
    local step = {}
    for word in part:gmatch '%S+' do step[#step + 1] = word end
    steps[#steps + 1] = step
  end
  return steps
end

local LIMIT = 20000
local function await(what, pattern)
  local m = concurrent.receive(LIMIT, pattern)
  return m or error('hangs: ' .. what)
end

-- One round; what was observed.
local function run(race)
  local me = concurrent.self()
  local before, setup = {}, race.setup
  for _, pid in ipairs(concurrent.processes()) do before[pid] = true end
  local pids, role_of, alive, reason = {}, {}, {}, {}
  for _, role in ipairs(ROLES) do
    if race.steps[role] then
      local jitter = math.random(0, 3) == 0 and math.random(0, 400) or math.random(0, 30)
      local pid = concurrent.spawnmonitor(actor, me, role, race.steps[role], jitter)
      pids[role], role_of[pid], alive[role] = pid, role, true
    end
  end
  -- All know of each other, and what holds before holds.
  for _, role in ipairs(ROLES) do
    if pids[role] then
      concurrent.send(pids[role], { from_conductor = true, who = pids, setup = setup[role] or {} })
      if not (setup[role] and setup[role][1] and setup[role][1][1] == 'exit') then
        await('setup of ' .. role, { role = role, ready = true })
      else
        reason[role], alive[role] = await('end of ' .. role, { signal = 'DOWN', from = pids[role] }).reason, nil
      end
    end
  end
  for _ = 1, 2 do
    for _, pid in pairs(pids) do concurrent.processinfo(pid) end
  end
  -- The race.
  local order = math.random(2) == 1 and { 'P', 'Q', 'T' } or { 'T', 'Q', 'P' }
  local results, mail = {}, {}
  local at = concurrent.time() + (math.random(2) == 1 and 0.2 or 0)
  for _, role in ipairs(order) do
    if alive[role] then concurrent.send(pids[role], { from_conductor = true, go = true, at = at }) end
  end
  local children = {}
  for _, role in ipairs(ROLES) do
    while alive[role] and not results[role] do
      local m = await('race of ' .. role, function(m)
        return m.role == role or m.signal == 'DOWN' and m.from == pids[role]
      end)
      if m.role then
        results[role] = m.results
        if m.child then children[#children + 1] = m.child end
      else
        alive[role], reason[role] = nil, m.reason
      end
    end
  end
  -- All that is on its way arrives: who answers has handled what came before, and its answer comes after what it sent.
  local infos, all
  for _ = 1, 5 do
    infos, all = {}, {}
    for _, pid in ipairs(concurrent.processes()) do
      local info = not before[pid] and concurrent.processinfo(pid)
      if info then
        infos[pid] = info
        all[#all + 1] = { pid = pid, info = info }
      end
    end
  end
  while true do
    local m = concurrent.receive(0, { signal = 'DOWN' })
    if not m then break end
    local role = assert(role_of[m.from], 'DOWN from a stranger')
    assert(not infos[m.from], 'DOWN from a process that lives')
    assert(alive[role], 'a second DOWN')
    alive[role], reason[role] = nil, m.reason
  end
  -- What can be seen.
  local function name_of(pid)
    if role_of[pid] then return role_of[pid] end
    for _, child in ipairs(children) do
      if child == pid then return 'C' end
    end
    return infos[pid] and 'C' or '?'
  end
  local function text(v)
    if type(v) == 'userdata' then return name_of(v) end
    if type(v) ~= 'table' then return tostring(v) end
    if v.signal then return v.signal .. ' ' .. name_of(v.from) .. ' ' .. text(v.reason) end
    return type(v)
  end
  local seen = {}
  for _, role in ipairs(ROLES) do
    local pid = pids[role]
    if pid and alive[role] then
      assert(infos[pid], 'no DOWN from a process that is gone')
      concurrent.send(pid, { from_conductor = true, tell = true })
      local m = await('mailbox of ' .. role, { role = role })
      local line = role
      local values = {}
      for i, v in ipairs(results[role]) do values[i] = text(v) end
      if #values > 0 then line = line .. '=' .. table.concat(values, ',') end
      local found = {}
      for i, v in ipairs(m.mail) do found[i] = text(v) end
      if #found > 0 then
        line = line .. '[' .. table.concat(found, ',') .. ']'
      end
      seen[#seen + 1] = line
    elseif pid then
      seen[#seen + 1] = role .. '!' .. text(reason[role])
    end
  end
  local age = {}
  for i, a in ipairs(all) do a.name, age[a.pid] = name_of(a.pid), i end
  local function holds(list, pid)
    for _, p in ipairs(list) do
      if p == pid then return true end
    end
  end
  for _, a in ipairs(all) do
    if a.name == 'C' then seen[#seen + 1] = 'C' end
    for _, peer in ipairs(a.info.links) do
      local other = infos[peer]
      if not other then
        seen[#seen + 1] = ('%s-(dead %s)'):format(a.name, name_of(peer))
      elseif not holds(other.links, a.pid) then
        seen[#seen + 1] = ('half of %s-%s'):format(a.name, name_of(peer))
      elseif age[a.pid] < age[peer] then
        seen[#seen + 1] = a.name .. '-' .. name_of(peer)
      end
    end
  end
  for _, a in ipairs(all) do
    for _, peer in ipairs(a.info.monitors) do
      seen[#seen + 1] = a.name .. '>' .. (infos[peer] and name_of(peer) or '(dead ' .. name_of(peer) .. ')')
    end
  end
  for _, name in ipairs(concurrent.registered()) do
    local pid = concurrent.whereis(name)
    seen[#seen + 1] = (name == round_name and 'n' or name) .. '=' .. (infos[pid] and name_of(pid) or 'a dead process')
  end
  -- Nothing is left for the next round.
  for pid in pairs(infos) do
    concurrent.kill(pid)
    assert(not concurrent.isprocessalive(pid))
  end
  while concurrent.receive(0) ~= nil do end
  assert(#concurrent.registered() == 0, 'a name is left')
  for _, pid in ipairs(concurrent.processes()) do assert(before[pid], 'a process is left') end
  return table.concat(seen, ' ')
end

-- The rows as `run` needs them.
local function prepare(row)
  local race = { allowed = {}, setup = {}, seen = {} }
  for _, text in ipairs(row) do race.allowed[text] = true end
  local uses_third = row.T or row[1]:find ' T'
  race.steps = { P = parse(row.P), Q = parse(row.Q), T = uses_third and parse(row.T) or nil }
  if row.before then
    for word in row.before:gmatch '%S+' do
      local role, step
      local a, b = word:match '^(%u)-(%u)$'
      if a then role, step = a, { 'link', b } end
      a, b = word:match '^(%u)>(%u)$'
      if a then role, step = a, { 'monitor', b } end
      a = word:match '^(%u)trap$'
      if a then role, step = a, { 'trapexit' } end
      a = word:match '^n=(%u)$'
      if a then role, step = a, { 'register', 'n' } end
      a, b = word:match '^(%u)!(%w+)$'
      if a then role, step = a, { 'exit', b } end
      assert(role, word)
      race.setup[role] = race.setup[role] or {}
      table.insert(race.setup[role], step)
    end
  end
  race.name = ('%s| P: %s | Q: %s%s'):format(row.before and row.before .. ' ' or '', row.P, row.Q,
    row.T and ' | T: ' .. row.T or '')
  return race
end

local function rename(steps, name)
  local copy = {}
  for i, s in ipairs(steps) do
    copy[i] = { s[1], s[2] == 'n' and name or s[2], s[3] }
  end
  return copy
end

local wrong, number = {}, 0
local covered, possible = 0, 0
for _, row in ipairs(races) do
  local race = prepare(row)
  if not selected or race.name:find(selected, 1, true) then
    for _ = 1, rounds do
      number = number + 1
      round_name = 'n' .. number
      local this = setmetatable({ steps = {}, setup = {} }, { __index = race })
      for role, steps in pairs(race.steps) do this.steps[role] = rename(steps, round_name) end
      for role, steps in pairs(race.setup) do this.setup[role] = rename(steps, round_name) end
      local ok, seen = pcall(run, this)
      if not ok then error(race.name .. ': ' .. tostring(seen), 0) end
      race.seen[seen] = (race.seen[seen] or 0) + 1
      if not race.allowed[seen] then wrong[#wrong + 1] = race.name .. ': ' .. seen end
    end
    for text in pairs(race.allowed) do
      possible = possible + 1
      if race.seen[text] then covered = covered + 1 end
    end
    if os.getenv 'LITMUS_SHOW' then
      print(race.name)
      for text in pairs(race.allowed) do print('', race.seen[text] or 0, text) end
    end
  end
end
if os.getenv 'LITMUS_SHOW' then print(('%d races, %d of %d allowed observations seen'):format(#races, covered, possible)) end
if #wrong > 0 then error(#wrong .. ' not allowed:\n' .. table.concat(wrong, '\n', 1, math.min(#wrong, 20)), 0) end
