-- What `top` has in the nodes that it looks at: returns the body of a process that answers what is asked there. It reaches what it
-- uses by upvalues, as attach/node.lua does. The first one asks those at other nodes, over a courier for each, so that a node which
-- does not answer holds up nobody.
local c = require 'concurrent'
local self, send, receive, monitor, leave = c.self, c.send, c.receive, c.monitor, c.exit
local spawnmonitor, survey, processinfo, nodes, nodename, time = c.spawnmonitor, c.survey, c.processinfo, c.nodes, c.node, c.time
local type, ipairs, next, pcall, tostring, min = type, ipairs, next, pcall, tostring, math.min

-- Milliseconds that other nodes have for an answer; the most of them; processes that wait for a worker past which a question to
-- one that runs would take long; rows, and processes about which can be asked.
local PATIENCE, NODES, READY, MOST, ABOUT = 1500, 64, 50, 1000, 50

-- Where a process is that runs at this moment, which only itself can tell.
local function place(row)
  local info = processinfo(row.pid)
  if info then row.current, row.line, row.func = info.current, info.line, info.func end
end

-- The figures of this node, and what the next look needs. `own`: the processes of this tool.
local function look(want, since, own)
  local began, n = time(), 0
  for _ in next, own do n = n + 1 end
  local rows = (not want.scope or want.scope == nodename()) and want.most or 0
  local s = survey { by = want.by, most = rows > 0 and min(rows + n, MOST) or 0, filter = want.filter, since = since }
  since = s.since
  local all, shown = s.rows, {}
  for _, row in ipairs(all) do
    if not own[row.pid] and #shown < rows then shown[#shown + 1] = row end
  end
  -- Who looks runs meanwhile.
  s.rows, s.since, s.name, s.processes, s.running = shown, nil, nodename(), s.processes - n, s.running - 1
  for _, row in ipairs(shown) do
    if row.status == 'running' and not row.current and s.ready < READY then place(row) end
  end
  local detail = want.detail
  if detail then
    local pid = detail.pid
    if type(pid) == 'string' then
      -- Nobody has met it yet: it is looked for by what it is shown as.
      local found = survey { by = 'age', most = 1, filter = pid }.rows[1]
      pid = found and tostring(found.pid) == pid and found.pid or nil
    end
    -- Wherever it is by now.
    s.detail = pid and survey { process = pid, heads = detail.heads }.rows[1]
    if s.detail and s.detail.status == 'running' and not s.detail.current and s.ready < READY then place(s.detail) end
  end
  if type(want.about) == 'table' then
    s.about = {}
    for i = 1, min(#want.about, ABOUT) do s.about[#s.about + 1] = survey { process = want.about[i] }.rows[1] end
  end
  s.took = time() - began
  return s, since
end

local watch

-- The body of a courier: has a process at another node, and takes questions there and answers back.
local function courier(hub, node)
  monitor(hub)
  local there, why = spawnmonitor(node, watch, self())
  if not there then leave { failed = why } end
  while true do
    local m = receive()
    if type(m) ~= 'table' then
    elseif m.signal == 'DOWN' then
      leave { failed = m.from == there and 'gone: ' .. tostring(m.reason) or nil }
    elseif m.want then
      send(there, m)
    elseif m.answer then
      send(hub, { courier = self(), number = m.answer, nodes = m.nodes })
    end
  end
end

-- What other nodes say, within the patience: none of them is asked again before it has answered.
local function ask_others(m, client, couriers, own)
  local waiting, answers, until_ = {}, {}, time() + PATIENCE
  for i, node in ipairs(type(m.want.nodes) == 'table' and m.want.nodes or nodes()) do
    if i > NODES then break end
    local there = couriers[node]
    if not there then
      there = { node = node, pid = spawnmonitor(courier, self(), node) }
      couriers[node], own[there.pid] = there, true
    end
    if not there.asked then
      send(there.pid, { want = m.want, number = m.number })
      there.asked = m.number
    end
    waiting[there.pid] = there
  end
  while next(waiting) do
    local left = until_ - time()
    local a = left > 0 and receive(left)
    if not a then break end
    local there = type(a) == 'table' and waiting[a.courier or a.from]
    if there and a.courier then
      if a.number == there.asked then there.asked = nil end
      if a.number == m.number then
        answers[#answers + 1] = a.nodes[1]
        waiting[there.pid] = nil
      end
    elseif there and a.signal == 'DOWN' then
      local why = type(a.reason) == 'table' and a.reason.failed or a.reason
      answers[#answers + 1] = { name = there.node, failed = tostring(why) }
      waiting[there.pid], couriers[there.node], own[there.pid] = nil, nil, nil
    elseif type(a) == 'table' and a.signal == 'DOWN' and a.from == client then
      leave 'normal'
    end
  end
  for _, there in next, waiting do answers[#answers + 1] = { name = there.node, failed = 'does not answer' } end
  return answers
end

-- The body of the process that answers: `others`, for those at other nodes as well.
function watch(client, others)
  monitor(client)
  send(client, { begun = true })
  local since, couriers, own = nil, {}, { [self()] = true }
  while true do
    local m = receive()
    if type(m) ~= 'table' then
    elseif m.signal == 'DOWN' and m.from == client then
      return
    elseif m.signal == 'DOWN' then
      for node, there in next, couriers do
        if there.pid == m.from then couriers[node], own[m.from] = nil, nil end
      end
    elseif m.courier then
      -- A late answer.
      for _, there in next, couriers do
        if there.pid == m.courier and there.asked == m.number then there.asked = nil end
      end
    elseif m.want then
      local ok, figures, left = pcall(look, m.want, since, own)
      if ok then since = left else figures = { name = nodename(), failed = tostring(figures) } end
      local all = others and ask_others(m, client, couriers, own) or {}
      all[#all + 1] = figures
      all[1], all[#all] = all[#all], all[1]
      send(client, { answer = m.number, nodes = all })
    end
  end
end

return watch
