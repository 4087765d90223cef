-- `concurrent.http.server`: serves requests, with a process for each connection.
--
-- The server is a process that knows its connections; another accepts, so that the first always hears what it is told; and a third, the
-- herald, is linked with all connections, to tell them of the end by its own. A connection dies of that signal while it waits for a
-- request, and traps it while it is at one: so a stop takes idle connections at once, and others after their answer, and there is no moment
-- at which it takes one wrongly.
local c = require 'concurrent'
local socket = require 'socket'
local calls, servers = require 'concurrent.call', require 'concurrent.server'
local core, stream, text = require 'concurrent.http.core', require 'concurrent.http.stream', require 'concurrent.http.text'
local websocket = require 'concurrent.http.websocket'
local self, send, receive, kill, exit, setoption, time = c.self, c.send, c.receive, c.kill, c.exit, c.setoption, c.time
local spawn, spawnlink, link, monitor, sleep = c.spawn, c.spawnlink, c.link, c.monitor, c.sleep
local begun_by, launch_body, told = servers.begun_by, servers.launch_body, servers.told
local reply, outcome, wrong, shown, is_time = calls.reply, calls.outcome, calls.wrong, calls.shown, calls.is_time
local next_head, whole, piece, fill, new_stream, new_body = stream.head, stream.whole, stream.piece, stream.fill, stream.new, stream.body
local fields, http_date = text.fields, text.http_date
local type, tostring, pairs, error, xpcall, setmetatable, getmetatable = type, tostring, pairs, error, xpcall, setmetatable, getmetatable
local format, find, match, sub, lower, gsub, concat = string.format, string.find, string.match, string.sub, string.lower, string.gsub, table.concat
-- The module of TLS, once a server needs it.
local ssl
local gettime, stderr, traceback, mathtype, floor, huge = socket.gettime, io.stderr, debug.traceback, math.type, math.floor, math.huge

-- What options are, by default.
local LIMITS = { line = 8192, head = 65536, fields = 100, body = 1048576 }
local TIMEOUTS = { idle = 60000, head = 10000, body = 30000, send = 30000, stop = 4000 }
-- Bytes of a body that nobody has read which are read for the sake of the next request.
local DROPPED = 65536
-- Bytes up to which a body is sent in one piece with its head.
local TOGETHER = 65536
-- Milliseconds after which accepting is tried again when the system has refused it, and between two reports of that.
local AGAIN, QUIET = 100, 60000

-- What is wrong with a request, raised where its body is read: { status =, text = }. Without a status the connection is gone.
local Fault = { __tostring = function(fault) return fault.text end }
Fault.__name = 'fault of a request'

-- What few requests need. A process makes copies of the functions that its body reaches, and of a table when it is first used: so what
-- is here costs an idle connection nothing.
local rare = {}
-- Whether the server wants its connections to end.
local function is_stopping(s)
  if not s.is_stopping and receive(0, { signal = 'EXIT', from = s.herald }) then s.is_stopping = true end
  return s.is_stopping
end
local function transmit(s, bytes)
  local sent, why = s.socket:send(bytes)
  if not sent then error(setmetatable({ text = 'the answer cannot be sent: ' .. why }, Fault), 0) end
end

-- Requests: { method =, target =, path =, version =, headers = }, and a body and the connection under keys of their own.
local BODY, CONNECTION = {}, {}
local methods = {}
local function fail(why, text)
  error(setmetatable({ status = why == 'timeout' and 408 or mathtype(why) == 'integer' and why or nil, text = text }, Fault), 0)
end
-- All of the body that has not been read.
function methods:body()
  local all, why, text = whole(self[BODY])
  if not all then fail(why, text) end
  return all
end
local function next_piece(request)
  local part, why, text = piece(request[BODY])
  if not part and why then fail(why, text) end
  return part
end
-- For a loop over the body's pieces as they come.
function methods:chunks() return next_piece, self end
-- The values of a body that is a form.
function methods:form() return text.parse_query(self:body()) end
-- Address and port of the client.
function methods:peer() return self[CONNECTION].socket:getpeername() end
-- Makes a WebSocket of the connection of a request that asks for one; or nil, why, and the status that says so.
function methods:websocket(options)
  local s = self[CONNECTION]
  if s.websocket then error('the connection is a WebSocket already', 2) end
  local head, taken, status = websocket.answer(self, options)
  if not head then return nil, taken, status end
  if not self[BODY].is_done then return nil, 'a request for a WebSocket has no body', 400 end
  s.socket:settimeout(s.options.timeouts.send / 1000)
  transmit(s, head)
  local from = s.stream
  local w = websocket.new(s.socket, true, taken.message, s.options.timeouts.send, sub(from.text, from.at))
  w.protocol, w.stopping = taken.protocol, function() return is_stopping(s) end
  from.text, from.at, s.websocket = '', 1, w
  return w
end
local Request = { __name = 'http request' }
function Request.__index(request, key)
  if key == 'query' then
    local at = find(request.target, '?', 1, true)
    local values = at and text.parse_query(sub(request.target, at + 1)) or {}
    request.query = values
    return values
  end
  return methods[key]
end
-- The path of a target, decoded: of `/a%20b?c`, and of `http://host/a`.
local function path_of(target)
  if sub(target, 1, 1) ~= '/' then target = match(target, '^%a[%w+.-]*://[^/?]*(.*)') or target end
  local at = find(target, '?', 1, true)
  if at then target = sub(target, 1, at - 1) end
  if target == '' then return '/' end
  -- The module is for those that need it.
  return find(target, '%', 1, true) and text.decode(target) or target
end

-- The first line of an answer.
local OK = 'HTTP/1.1 200 OK\r\n'
function rare.line(status) return format('HTTP/1.1 %d %s\r\n', status, text.REASONS[status] or '') end

-- A connection: { stream =, socket =, server =, herald =, options =, handler =, date, second = the date of a second }.

local function date_line(s)
  local now = floor(gettime())
  if now ~= s.second then s.second, s.date = now, 'date: ' .. http_date(now) .. '\r\n' end
  return s.date
end

-- Answers a request that nobody is asked about, and leaves.
function rare.refuse(s, status, why)
  local content = format('%d %s: %s\n', status, text.REASONS[status] or '', why)
  s.socket:settimeout(s.options.timeouts.send / 1000)
  s.socket:send(rare.line(status) .. date_line(s) .. 'content-type: text/plain\r\ncontent-length: ' .. #content
    .. '\r\nconnection: close\r\n\r\n' .. (s.is_head and '' or content))
  stream.linger(s.stream)
end
-- A handler's result that is none: what is wrong, and the result.
function rare.reject(text, v) error(text .. shown(v), 0) end

-- Fields that are the server's to decide on.
local OWN = { connection = true, ['content-length'] = true, ['transfer-encoding'] = true, date = true }
-- Answers of whose bodies there is none.
local EMPTY = { [204] = true, [304] = true }

-- Asks the handler, and makes its answer the bytes that are sent: the head; the content, if it is a string; what yields it, and how.
local function answer(s, request)
  local status, headers, content = s.handler(request)
  if s.websocket then return nil end
  if mathtype(status) ~= 'integer' or status < 200 or status > 599 then
    rare.reject('a handler returns a status (200 to 599), fields (a table or nil) and a body; the status is ', status)
  end
  local lines = { status == 200 and OK or rare.line(status) }
  local own
  if headers ~= nil then
    if type(headers) ~= 'table' then rare.reject("a handler's second result is a table of fields or nil, not ", headers) end
    own = fields(lines, headers, OWN)
  end
  own = own or {}
  if own['transfer-encoding'] then error("the field 'transfer-encoding' is chosen by the server", 0) end
  local kind = type(content)
  local n = #lines
  local pump
  local length = own['content-length']
  if kind == 'function' then
    if length then
      if not match(length, '^%d+$') then rare.reject("the field 'content-length' is ", length) end
      pump = 'counted'
    elseif request.version == '1.1' then
      n = n + 1
      lines[n] = 'transfer-encoding: chunked\r\n'
      pump = 'chunked'
    else
      pump, s.closes = 'open', true
    end
  else
    if kind == 'table' then
      content = concat(content)
    elseif kind == 'number' then
      content = tostring(content)
    elseif kind == 'nil' then
      -- An answer to HEAD may say how long it would be.
      content = ''
    elseif kind ~= 'string' then
      rare.reject("a handler's third result is a body (a string, an array of strings, or a function that returns the next piece), not ", content)
    end
    if EMPTY[status] then
      length = nil
    elseif not (s.is_head and content == '' and length and match(length, '^%d+$')) then
      length = #content
    end
  end
  if EMPTY[status] or s.is_head then content, pump = '', nil end
  if length then
    n = n + 1
    lines[n] = 'content-length: ' .. length .. '\r\n'
  end
  n = n + 1
  lines[n] = own.date and 'date: ' .. own.date .. '\r\n' or date_line(s)
  if own.connection and find(lower(own.connection), 'close', 1, true) then s.closes = true end
  -- What the client sends next is known to begin only after this body.
  local body = request[BODY]
  if not body.is_done and not stream.drop(body, DROPPED) then s.closes, s.has_rest = true, true end
  if is_stopping(s) then s.closes = true end
  n = n + 1
  if s.closes then
    lines[n] = 'connection: close\r\n\r\n'
  else
    lines[n] = request.version == '1.0' and 'connection: keep-alive\r\n\r\n' or '\r\n'
  end
  return concat(lines), content, pump, length
end
-- Sends what a function returns, piece after piece until nil.
function rare.yield_all(s, content, pump, length)
  local left = pump == 'counted' and match(length, '^%d+$') + 0
  while true do
    local part = content()
    if part == nil then break end
    if type(part) ~= 'string' then error('a function that is a body returns strings, and nil at the end, not ' .. shown(part), 0) end
    if part ~= '' then
      if pump == 'chunked' then
        part = format('%x\r\n', #part) .. part .. '\r\n'
      elseif left then
        left = left - #part
        if left < 0 then error(format('a body has more bytes than its content-length, %s', length), 0) end
      end
      transmit(s, part)
    end
  end
  if pump == 'chunked' then transmit(s, '0\r\n\r\n') end
  if left and left > 0 then error(format('a body has %d bytes less than its content-length, %s', left, length), 0) end
end

-- What an error becomes before the stack is left.
local function raised(e)
  if getmetatable(e) == Fault then return e end
  return traceback(type(e) == 'string' and e or tostring(e), 2)
end
-- Ends the process of a connection because of an error in a handler.
function rare.give_up(s, request, fault)
  stderr:write(format('http server %s: the handler of %s %s failed in %s: %s\n', s.options.name or tostring(s.server), request.method, request.path,
    tostring(self()), fault))
  s.socket:close()
  exit 'handler failed'
end
-- Serves a request: whether the connection stays for another.
local function serve(s, request)
  local ok, head, content, pump, length = xpcall(answer, raised, s, request)
  if s.websocket then
    if ok then
      s.websocket:close()
    elseif getmetatable(head) ~= Fault then
      s.websocket:close(1011, 'the server has failed')
      rare.give_up(s, request, head)
    end
    return false
  end
  if not ok then
    local fault = head
    if getmetatable(fault) ~= Fault then
      rare.refuse(s, 500, 'the request could not be served')
      rare.give_up(s, request, fault)
    end
    if fault.status then rare.refuse(s, fault.status, fault.text) end
    return false
  end
  s.socket:settimeout(s.options.timeouts.send / 1000)
  local fault
  if pump then
    ok, fault = xpcall(function()
      transmit(s, head)
      rare.yield_all(s, content, pump, length)
    end, raised)
  elseif #content <= TOGETHER then
    ok = s.socket:send(head .. content)
  else
    ok = s.socket:send(head) and s.socket:send(content)
  end
  if fault and getmetatable(fault) ~= Fault then rare.give_up(s, request, fault) end
  if not ok then return false end
  if s.has_rest then stream.linger(s.stream) end
  return not s.closes
end

-- The connection, encrypted; or nil: the client has not come so far.
function rare.secured(client, options)
  local s = ssl.wrap(client, options.tls)
  if not s then return nil end
  s:settimeout(options.timeouts.head / 1000, 't')
  if not s:dohandshake() then
    s:close()
    return nil
  end
  s:settimeout(nil, 't')
  return s
end
-- Answers what was no head of a request.
function rare.no_head(s, why, text)
  if why == 'timeout' then
    rare.refuse(s, 408, format('the head of a request has not come within %d ms', s.options.timeouts.head))
  elseif mathtype(why) == 'integer' then
    rare.refuse(s, why, text)
  end
end
function rare.too_large(length, most) return format('the body has %d bytes, and may have %s', length, tostring(most)) end
-- The body of the processes of a server's connections: one function for all, so that it is taken once.
local function connections(server, herald, options, handler)
  return function(client)
    link(herald)
    send(server, { opened = self() })
    client:setoption('tcp-nodelay', true)
    if options.tls then
      client = rare.secured(client, options)
      if not client then return end
    end
    local limits, timeouts = options.limits, options.timeouts
    local from = new_stream(client)
    local s = { stream = from, socket = client, server = server, herald = herald, options = options, handler = handler }
    repeat
      if from.at > #from.text then
        from.text, from.at = '', 1
        setoption('trapexit', false)
        if is_stopping(s) or not fill(from, timeouts.idle) then break end
        setoption('trapexit', true)
      end
      s.is_head = false
      local method, target, minor, headers, length, stays, expects = next_head(from, core.request, limits, time() + timeouts.head)
      if not method then
        rare.no_head(s, target, minor)
        break
      end
      s.is_head, s.closes = method == 'HEAD', not stays
      if length > limits.body then
        rare.refuse(s, 413, rare.too_large(length, limits.body))
        break
      end
      local body = new_body(from, length, limits, timeouts.body)
      if expects then body.ask = true end
      local request = setmetatable({ method = method, target = target, path = path_of(target), version = minor == 1 and '1.1' or '1.0',
        headers = headers, [BODY] = body, [CONNECTION] = s }, Request)
    until not serve(s, request)
    client:close()
  end
end

-- The body of the herald: what it hears of connections that fail means nothing to it.
local function herald(server)
  setoption('trapexit', true)
  local m
  repeat m = receive() until type(m) == 'table' and (m.from == server or m.signal == 'STOP')
  exit(m.signal == 'STOP' and 'shutdown' or m.reason)
end
-- The body of the process that accepts. It may have so many connections, and asks the server for more.
local function accept(listener, server, options, connection)
  local credit, told_at = options.connections, -huge
  while true do
    while credit < 1 do
      send(server, { full = true })
      credit = credit + receive(nil, { signal = 'CREDIT' }).credit
    end
    local client, why = listener:accept()
    if client then
      credit = credit - 1
      spawn(connection, client)
    else
      -- Too many open files, for instance: connections that end may mend it.
      if time() - told_at > QUIET then
        told_at = time()
        stderr:write(format('http server %s: no connection can be accepted: %s; it is tried again\n', options.name or tostring(server), why))
      end
      sleep(AGAIN)
    end
  end
end

-- What a server is told, by messages.
local control = {}
function control.info(s, m)
  reply(m, { host = s.host, port = s.port, connections = s.count, accepted = s.accepted })
end
function control.stop(s, m)
  s.stop, s.patience = m.request.reason, m.request.patience
end
local function give_credit(s)
  if s.is_full and s.freed > 0 then
    send(s.acceptor, { signal = 'CREDIT', credit = s.freed })
    s.is_full, s.freed = false, 0
  end
end
local function handle(s, m)
  if type(m) ~= 'table' then return end
  local signal = m.signal
  if m.opened then
    s.open[m.opened] = true
    s.count, s.accepted = s.count + 1, s.accepted + 1
    monitor(m.opened)
  elseif m.full then
    s.is_full = true
    give_credit(s)
  elseif signal == 'CALL' then
    local handler = control[m.control]
    if handler then
      handler(s, m)
    else
      calls.refuse(m, 'an http server answers no calls', 'call')
    end
  elseif signal == 'DOWN' and s.open[m.from] then
    s.open[m.from] = nil
    s.count, s.freed = s.count - 1, s.freed + 1
    give_credit(s)
  elseif signal == 'EXIT' and not s.stop and (m.from == s.acceptor or m.from == s.herald or m.from == s.parent or m.reason == 'shutdown') then
    s.stop = m.reason
  end
end
-- Ends what is there: idle connections, then those that are at an answer, then all.
local function stop_all(s)
  monitor(s.acceptor)
  kill(s.acceptor)
  send(s.herald, { signal = 'STOP' })
  -- Who hears that the server has ended finds nobody at its port: that is the acceptor's.
  receive(nil, { signal = 'DOWN', from = s.acceptor })
  local deadline = time() + (s.patience or s.options.timeouts.stop)
  while s.count > 0 do
    local left = deadline - time()
    local m = left > 0 and receive(left ~= huge and left or nil)
    if not m then break end
    handle(s, m)
  end
  for pid in pairs(s.open) do kill(pid) end
end

-- The body of a server.
local function run(options, handler, starter, is_linked)
  local asked = begun_by(starter, options.name, true)
  if not asked then return end
  if options.tls then
    local why
    ssl = require 'ssl'
    options.tls.mode = 'server'
    options.tls, why = ssl.newcontext(options.tls)
    if not options.tls then
      reply(asked, { failed = "option 'tls': " .. why, reason = 'tls' })
      return
    end
  end
  local listener, why = socket.bind(options.host, options.port, options.backlog)
  if not listener then
    local what = why == 'address already in use' and '; another program has it: end that, or choose another port (0: any)'
      or why == 'permission denied' and '; ports below 1024 are for the administrator: choose another' or ''
    reply(asked, { failed = format('cannot listen at %s port %d: %s%s', options.host, options.port, why, what), reason = why })
    return
  end
  local s = { options = options, parent = is_linked and starter or nil, open = {}, count = 0, freed = 0, accepted = 0 }
  s.host, s.port = listener:getsockname()
  s.herald = spawnlink(herald, self())
  s.acceptor = spawnlink(accept, listener, self(), options, connections(self(), s.herald, options, handler))
  listener:close()
  reply(asked, { started = true })
  while s.stop == nil do handle(s, receive()) end
  stop_all(s)
  exit(s.stop)
end

local FIELDS = { port = 'integer', host = 'string', name = 'string', backlog = 'integer', connections = 'number', limits = 'table', timeouts = 'table',
  tls = 'table' }
-- Checks options: what is wrong with them; or nil and all of them.
local function complete(given)
  if type(given) ~= 'table' then return 'options (a table such as { port = 8080 }) expected, got ' .. shown(given) end
  for key, v in pairs(given) do
    local wanted = FIELDS[key]
    if not wanted then return format("there is no option '%s'", tostring(key)) end
    if (wanted == 'integer' and mathtype(v) or type(v)) ~= wanted then return format("option '%s': %s expected, got %s", key, wanted, shown(v)) end
  end
  local port = given.port
  if port == nil or port < 0 or port > 65535 then return "option 'port': 0 (any) to 65535 expected, got " .. shown(port) end
  local all = { host = given.host or '127.0.0.1', port = port, name = given.name, backlog = given.backlog or 1024,
    connections = given.connections or 100000, limits = {}, timeouts = {} }
  if given.tls then
    all.tls = {}
    for key, v in pairs(given.tls) do all.tls[key] = v end
  end
  if not (all.connections >= 1) then return "option 'connections': 1 at the least expected, got " .. shown(all.connections) end
  for group, defaults in pairs { limits = LIMITS, timeouts = TIMEOUTS } do
    for key, v in pairs(given[group] or {}) do
      if not defaults[key] then return format("option '%s' has no '%s'", group, tostring(key)) end
      local is_right = group == 'timeouts' and is_time(v) or group == 'limits' and (mathtype(v) == 'integer' and v >= 0 or key == 'body' and v == huge)
      if not is_right then return format("option '%s.%s': %s expected, got %s", group, key, group == 'limits' and 'number' or 'milliseconds', shown(v)) end
    end
    for key, v in pairs(defaults) do all[group][key] = given[group] and given[group][key] or v end
  end
  if all.limits.fields > 128 then return "option 'limits.fields': 128 at the most" end
  return nil, all
end
local function launch(name, is_linked, options, handler)
  local why, all = complete(options)
  if why then wrong(name, 1, why, 1) end
  if type(handler) ~= 'function' then wrong(name, 2, 'handler (a function that gets a request) expected, got ' .. shown(handler), 1) end
  return launch_body(run, 'http server', is_linked, all.name, nil, all, handler, self(), is_linked)
end

local function pid_of(server) return type(server) == 'table' and server.pid or server end
-- { host, port, connections = how many there are, accepted = how many there were }.
local function info(server)
  local process = pid_of(server)
  local kind, v, limit = told('info', process)
  return outcome(process, limit, kind, v)
end
-- Ends a server: no more connections; those that are idle are closed, others after their answer, all after so many milliseconds.
local function stop(server, patience)
  if patience ~= nil and not is_time(patience) then wrong('stop', 2, 'time in milliseconds expected, got ' .. shown(patience)) end
  local process = pid_of(server)
  local kind, v, limit = told('stop', process, { reason = 'normal', patience = patience }, (patience or TIMEOUTS.stop) + 60000)
  if kind == 'ended' and v ~= 'noproc' and v ~= 'noconnection' then return true end
  return outcome(process, limit, kind, v)
end
local Server = { __name = 'http server', __index = { stop = stop, info = info } }

-- The pid of a new server.
local function start(options, handler)
  local pid, why, reason = launch('start', false, options, handler)
  if pid then return pid end
  return nil, why, reason
end
local function startlink(options, handler)
  local pid, why, reason = launch('startlink', true, options, handler)
  if pid then return pid end
  return nil, why, reason
end
-- A new server: { pid, host, port } with methods.
local function serve_all(options, handler)
  local pid, why, reason = launch('serve', false, options, handler)
  if not pid then return nil, why, reason end
  local known, why, reason = info(pid)
  if not known then return nil, why, reason end
  return setmetatable({ pid = pid, host = known.host, port = known.port }, Server)
end

return { serve = serve_all, start = start, startlink = startlink, stop = stop, info = info }
