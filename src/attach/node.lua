-- What `attach` and `ps` run in the node that they look at: returns functions that are spawned there. They reach what they
-- use by upvalues, natives of the library, so that it is the same whatever the node's program has made of its globals.
local c = require 'concurrent'
local self, send, receive, spawn, kill, monitor = c.self, c.send, c.receive, c.spawn, c.kill, c.monitor
local processes, processinfo, whereis, sleep, nodename = c.processes, c.processinfo, c.whereis, c.sleep, c.node
local type, tostring, tonumber, ipairs, next, rawget, select = type, tostring, tonumber, ipairs, next, rawget, select
local error, pcall, load, setmetatable, getmetatable = error, pcall, load, setmetatable, debug.getmetatable
local create, resume, status, close = coroutine.create, coroutine.resume, coroutine.status, coroutine.close
local traceback, pack, unpack, concat, sort = debug.traceback, table.pack, table.unpack, table.concat, table.sort
local format, gsub, match, rep = string.format, string.gsub, string.match, string.rep
local mathtype, exit = math.type, os.exit

-- Processes as a table of text.

local orders = {
  pid = function(a, b) return a.pid < b.pid end,
  name = function(a, b) return a.name < b.name end,
  status = function(a, b) return a.status < b.status end,
  current = function(a, b) return a.current < b.current end,
  mailbox = function(a, b) return a.mailbox > b.mailbox end,
  heap = function(a, b) return a.heap > b.heap end,
  reductions = function(a, b) return a.reductions > b.reductions end,
}
local function serial(pid) return tonumber(match(tostring(pid), '(%d+)>$')) end
local function clean(text) return (gsub(text, '%c', '?')) end
local function bytes(n)
  if n < 10000 then return format('%d', n) end
  if n < 10000000 then return format('%.1fK', n / 1024) end
  return format('%.1fM', n / 1048576)
end
-- All but those in `skipped`, by an order, the first so many.
local function list(order, most, skipped)
  local before = orders[order]
  if not before then error("no order '" .. tostring(order) .. "': pid, name, status, current, mailbox, heap, reductions", 0) end
  local rows = {}
  for _, pid in ipairs(processes()) do
    -- One after the other: however many there are, few questions are under way.
    local info = not skipped[pid] and processinfo(pid)
    if info then
      local current = info.current or ''
      if info.line then current = current .. ':' .. info.line end
      if info.func then current = current .. ' in ' .. info.func end
      rows[#rows + 1] = {
        pid = serial(pid), name = clean(info.name or ''), status = info.status, mailbox = info.mailbox,
        heap = info.heap, reductions = info.reductions, current = clean(current),
      }
    end
  end
  local all = #rows
  sort(rows, function(a, b)
    if before(a, b) then return true end
    return not before(b, a) and a.pid < b.pid
  end)
  local lines = { { 'PID', 'NAME', 'STATUS', 'MAILBOX', 'HEAP', 'REDUCTIONS', 'CURRENT' } }
  for i, r in ipairs(rows) do
    if i > most then break end
    lines[#lines + 1] = { format('%d', r.pid), r.name == '' and '-' or r.name, r.status, format('%d', r.mailbox),
      bytes(r.heap), format('%d', r.reductions), r.current }
  end
  local widths = {}
  for _, line in ipairs(lines) do
    for i, cell in ipairs(line) do
      if #cell > (widths[i] or 0) then widths[i] = #cell end
    end
  end
  local is_number = { true, false, false, true, true, true, false }
  for i, line in ipairs(lines) do
    for k, cell in ipairs(line) do
      local pad = rep(' ', widths[k] - #cell)
      line[k] = is_number[k] and pad .. cell or cell .. pad
    end
    lines[i] = gsub(concat(line, '  '), ' +$', '')
  end
  if all >= #lines then lines[#lines + 1] = format('(%d of %d)', #lines - 1, all) end
  return concat(lines, '\n')
end

-- The body of a process that tells `ps` once.
local function tell(client, order, most)
  send(client, { begun = true })
  local ok, text = pcall(list, order, most, { [self()] = true })
  send(client, ok and { text = text } or { failed = tostring(text) })
end

-- What the prompt offers besides Lua.

local help = [==[
Lua runs here, in a process of the node: its globals are a copy of the main script's, taken when the prompt began.
  ps([order [, n]])      the processes, the first n by pid, name, status, current, mailbox, heap or reductions
  info(p)                what is known of a process
  send(p, message)       sends a message
  kill(p [, reason])     ends a process
  process(p)             its pid; p is a pid, its number, a registered name, or { name, node }
  halt([status])         ends the node
  concurrent             the module, as in any program
Ctrl-C interrupts what runs; pressed again, it ends the process that runs it. Ctrl-D leaves the prompt.]==]

local function process(p)
  if type(p) == 'string' then
    local named = whereis(p)
    if named then return named end
    p = tonumber(match(p, '^<.*%.(%d+)>$') or match(p, '^%d+$')) or p
  end
  if mathtype(p) == 'integer' then
    for _, pid in ipairs(processes()) do
      if serial(pid) == p then return pid end
    end
  elseif type(p) ~= 'string' and p ~= nil then
    return p
  end
  error('no process ' .. tostring(p), 0)
end
local function commands(skipped)
  return {
    ps = function(order, n) return setmetatable({}, { __tostring = function() return list(order or 'pid', n or 1e9, skipped) end }) end,
    info = function(p) return processinfo(process(p)) end,
    send = function(p, m) return send(process(p), m) end,
    kill = function(p, reason) return kill(process(p), reason) end,
    process = process,
    halt = function(code) exit(code or 0) end,
    help = setmetatable({}, { __tostring = function() return help end, __call = function(h) return h end }),
  }
end

-- Bytes of output after which it is looked whether the client keeps up, and messages that it may have waiting.
local LOOK, WAITING = 65536, 500

-- The body of the process that runs what is typed: `show` is the text of what shows results.
local function serve(client, show)
  local own, globals = self(), _ENV
  -- It ends with its client, whatever it is in the middle of.
  local guard = spawn(function()
    monitor(client)
    monitor(own)
    receive()
    kill(own)
  end)
  show = load(show, '=show', 't', globals)()

  local written = 0
  local function put(text)
    send(client, { output = text })
    written = written + #text
    if written >= LOOK then
      written = 0
      while (processinfo(client) or { mailbox = 0 }).mailbox > WAITING do sleep(10) end
    end
  end
  function globals.print(...)
    local parts = pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    put(concat(parts, '\t', 1, parts.n) .. '\n')
  end
  local stream = setmetatable({}, { __name = 'FILE*', __tostring = function() return 'file (prompt)' end })
  function stream:write(...)
    for i = 1, select('#', ...) do
      local part = select(i, ...)
      if type(part) ~= 'string' and type(part) ~= 'number' then
        error('string expected, got ' .. type(part), 2)
      end
    end
    put(concat({ ... }))
    return self
  end
  function stream:flush() return self end
  function stream:setvbuf() return true end
  local io, os = rawget(globals, 'io'), rawget(globals, 'os')
  if type(io) == 'table' then
    io.stdout, io.stderr = stream, stream
    function io.write(...) return stream:write(...) end
    function io.read() error('there is no standard input at this prompt', 2) end
  end
  if type(os) == 'table' then
    function os.exit()
      error('that would end the node ' .. tostring(nodename()) .. ': halt() does; Ctrl-D leaves the prompt', 2)
    end
  end

  -- The program's globals come first; what they lack, the commands have.
  local own_commands = commands { [own] = true, [guard] = true }
  local environment = setmetatable({}, {
    __index = function(_, name)
      local v = rawget(globals, name)
      if v == nil then v = own_commands[name] end
      if v == nil then return globals[name] end
      return v
    end,
    __newindex = function(_, name, v) globals[name] = v end,
  })
  -- Whether it went well, and what is to be shown.
  local function evaluate(text)
    local f, why = load('return ' .. gsub(text, '^=', ''), '=stdin', 't', environment)
    if not f then f, why = load(text, '=stdin', 't', environment) end
    if not f then return false, why end
    local thread = create(f)
    local results = pack(resume(thread))
    if results[1] and status(thread) == 'suspended' then
      return false, 'attempt to yield from outside a coroutine'
    elseif results[1] then
      return true, results.n > 1 and show(unpack(results, 2, results.n)) or nil
    end
    local e = results[2]
    local kind, meta = type(e), getmetatable(e)
    if kind == 'string' or kind == 'number' then
      e = traceback(thread, e)
    elseif type(meta) == 'table' and rawget(meta, '__tostring') then
      e = tostring(e)
    else
      e = traceback(thread, format('(error object is a %s value)', kind))
    end
    close(thread)
    return false, e
  end
  local function turn()
    local m = receive(nil, { attach = guard })
    local ok, good, text = pcall(evaluate, m.text)
    if not ok then good, text = false, tostring(good) end
    send(client, { done = m.number, good = good, text = text })
  end
  send(client, { ready = guard })
  -- An interrupt may come late.
  while true do pcall(turn) end
end

return { serve = serve, tell = tell }
