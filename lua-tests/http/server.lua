-- test: processes
-- The HTTP server, as clients that send bytes see it, and its own client.
local c = require 'concurrent'
local socket = require 'socket'
local http = require 'concurrent.http'
local me = c.self()

local function handler(request)
  local path = request.path
  if path == '/echo' then return 200, { ['content-type'] = 'text/plain' }, request:body() end
  if path == '/count' then
    local pieces, bytes = 0, 0
    for piece in request:chunks() do pieces, bytes = pieces + 1, bytes + #piece end
    return 200, nil, bytes .. ' bytes'
  end
  if path == '/pieces' then
    local i = 0
    return 200, nil, function()
      i = i + 1
      return i <= 3 and ('piece %d;'):format(i) or nil
    end
  end
  if path == '/unread' then return 200, nil, 'not read' end
  if path == '/none' then return 204 end
  if path == '/twice' then return 200, { ['set-cookie'] = { 'a=1', 'b=2' }, ['x-n'] = 7 }, { 'an ', 'array' } end
  if path == '/about' then
    return 200, nil, table.concat({ request.method, request.target, request.path, request.query.q or '-', request.version,
      request.headers['x-a'] or '-', (request:peer()) }, '|')
  end
  if path == '/wait' then
    c.send(me, c.self())
    return 200, nil, c.receive(nil, { answer = true }).text
  end
  if path == '/move' then return 302, { location = '/about' } end
  return 404, nil, 'nothing here'
end
local server = assert(http.serve({ port = 0, limits = { line = 200, head = 1000, fields = 10, body = 5000 },
  timeouts = { idle = 60000, head = 300, body = 300, stop = 20000 } }, handler))
local url = 'http://127.0.0.1:' .. server.port
assert(server.host == '127.0.0.1' and server.port > 0)

local function open()
  local s = assert(socket.connect('127.0.0.1', server.port))
  s:settimeout(10)
  return s
end
-- An answer as it comes: the status, fields by their names, the body by its length or chunks.
local function answer(s, is_head)
  local line = assert(s:receive())
  local status, fields = tonumber(line:match '^HTTP/1.1 (%d%d%d) '), {}
  assert(status, line)
  while true do
    local field = assert(s:receive())
    if field == '' then break end
    local name, value = field:match '^([^:]+): (.*)$'
    fields[name:lower()] = value
  end
  local body = ''
  if is_head then return status, fields end
  if fields['transfer-encoding'] then
    while true do
      local size = tonumber(assert(s:receive()), 16)
      if size > 0 then body = body .. assert(s:receive(size)) end
      assert(s:receive() == '')
      if size == 0 then break end
    end
  elseif fields['content-length'] then
    body = assert(s:receive(tonumber(fields['content-length'])))
  end
  return status, fields, body
end
local function closed(s)
  local line, why = s:receive()
  assert(not line and why == 'closed', line or why)
end
-- Sends bytes over a new connection: what is answered, and that the connection ends.
local function refused(bytes, status, text)
  local s <close> = open()
  s:send(bytes)
  local got, fields, body = answer(s)
  assert(got == status, ('%s for %q'):format(got, bytes:sub(1, 60)))
  assert(fields.connection == 'close' and body:find(text, 1, true), body)
  closed(s)
end

do -- Several requests over a connection, pipelined, and cut anywhere.
  local s <close> = open()
  local first = 'GET /about?q=a%20b+c HTTP/1.1\r\nHost: x\r\nX-A: one\r\nx-a: two\r\n\r\n'
  s:send(first .. 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello' .. first)
  local status, fields, body = answer(s)
  assert(status == 200 and body == 'GET|/about?q=a%20b+c|/about|a b c|1.1|one, two|127.0.0.1', body)
  assert(fields.date:find '^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$' and not fields.connection)
  assert(select(3, answer(s)) == 'hello')
  assert(select(3, answer(s)) == body)
  for i = 1, #first do
    s:send(first:sub(i, i))
  end
  assert(select(3, answer(s)) == body)
end
do -- Chunked both ways, and what follows it.
  local s <close> = open()
  s:send 'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
  for _, part in ipairs { '3;x=y\r', '\nab', 'c\r\n', '10\r\n0123456789abcdef\r', '\n0\r\nTrailer: x\r\n', '\r\nGET /pieces HTTP/1.1\r\nHost: x\r\n\r\n' } do
    s:send(part)
  end
  assert(select(3, answer(s)) == 'abc0123456789abcdef')
  local status, fields, body = answer(s)
  assert(fields['transfer-encoding'] == 'chunked' and body == 'piece 1;piece 2;piece 3;')
  s:send 'POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n'
  s:send(('x'):rep(5000))
  assert(select(3, answer(s)) == '5000 bytes')
  -- A body that the handler has not read is out of the way of the next request.
  s:send 'POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcdeGET /none HTTP/1.1\r\nHost: x\r\n\r\n'
  assert(select(3, answer(s)) == 'not read')
  local status, fields = answer(s)
  assert(status == 204 and not fields['content-length'])
end
do -- HEAD, and fields.
  local s <close> = open()
  s:send 'HEAD /twice HTTP/1.1\r\nHost: x\r\n\r\nHEAD /pieces HTTP/1.1\r\nHost: x\r\n\r\nGET /twice HTTP/1.1\r\nHost: x\r\n\r\n'
  local status, fields = answer(s, true)
  assert(status == 200 and fields['content-length'] == '8' and fields['x-n'] == '7')
  assert(select(2, answer(s, true))['transfer-encoding'] == 'chunked')
  assert(select(3, answer(s)) == 'an array')
end
do -- Who asks for it, or speaks HTTP/1.0, is answered once.
  local s <close> = open()
  s:send 'GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  assert(select(2, answer(s)).connection == 'close')
  closed(s)
  local s <close> = open()
  s:send 'GET /pieces HTTP/1.0\r\n\r\n'
  local status, fields = answer(s)
  assert(status == 200 and not fields['transfer-encoding'] and s:receive '*a' == 'piece 1;piece 2;piece 3;')
  local s <close> = open()
  s:send 'GET /twice HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /twice HTTP/1.0\r\n\r\n'
  assert(select(2, answer(s)).connection == 'keep-alive')
  assert(select(2, answer(s)).connection == 'close')
  closed(s)
end
do -- A body that comes when it is asked for, and one that is not wanted.
  local s <close> = open()
  local head = ' HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n'
  s:send('POST /echo' .. head)
  assert(s:receive() == 'HTTP/1.1 100 Continue' and s:receive() == '')
  s:send 'hello'
  assert(select(3, answer(s)) == 'hello')
  s:send('POST /unread' .. head)
  local status, fields = answer(s)
  assert(status == 200 and fields.connection == 'close')
  closed(s)
end
-- Limits and malformed requests: what, where, and the end of the connection.
refused('GET /' .. ('x'):rep(200), 414, 'the first line has more than 200 bytes')
refused('GET / HTTP/1.1\r\n' .. ('X: ' .. ('y'):rep(96) .. '\r\n'):rep(10), 431, 'the head has more than 1000 bytes')
refused('GET / HTTP/1.1\r\n' .. ('X: y\r\n'):rep(11) .. '\r\n', 431, 'more than 10 fields')
refused('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5001\r\n\r\n', 413, 'the body has 5001 bytes, and may have 5000')
refused('POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' .. ('3e8\r\n' .. ('x'):rep(1000) .. '\r\n'):rep(6), 413, 'more than 5000 bytes')
refused('POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n' .. ('a: b\r\n'):rep(200), 431, 'what follows the last chunk')
refused('POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 400, 'a chunk does not begin with its length')
refused('POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd', 400, 'a chunk does not end where it should')
refused('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400, "both 'content-length' and 'transfer-encoding'")
refused('\22\3\1\2', 400, 'this is not HTTP')
refused('GET / HTTP/1.1\r\n\r\n', 400, "'host'")
refused('GET / HTTP/3.0\r\n\r\n', 505, 'version')
-- Clients that are slow.
refused('GET / HT', 408, 'within 300 ms')
refused('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc', 408, 'has not come in time')
do -- A client that goes in the middle of a body leaves nothing but its end.
  local s <close> = open()
  s:send 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc'
  s:close()
end

-- The own client.
local r = assert(http.get(url .. '/about?q=%41'))
assert(r.status == 200 and r.reason == 'OK' and r.body == 'GET|/about?q=%41|/about|A|1.1|-|127.0.0.1', r.body)
assert(http.post(url .. '/echo', 'text', { ['content-type'] = 'text/plain' }).body == 'text')
assert(http.get(url .. '/pieces').body == 'piece 1;piece 2;piece 3;')
assert(http.request({ url = url .. '/twice', method = 'head' }).body == '')
local cookies = http.get(url .. '/twice').headers['set-cookie']
assert(#cookies == 2 and cookies[1] == 'a=1' and cookies[2] == 'b=2')
local r = assert(http.get(url .. '/move'))
assert(r.status == 200 and r.url == url .. '/about')
assert(http.get(url .. '/move', { redirects = 0 }).status == 302)
local left = 3
local r = assert(http.request { url = url .. '/echo', method = 'PUT', body = function() left = left - 1 return left >= 0 and 'again ' or nil end })
assert(r.body == 'again again again ')
local r = assert(http.get(url .. '/pieces', { stream = true }))
local all = ''
for piece in r:chunks() do all = all .. piece end
assert(all == 'piece 1;piece 2;piece 3;')
r:close()
local r, why, reason = http.get(url .. '/pieces', { most = 10 })
assert(r == nil and reason == 'too_large' and why:find('127.0.0.1 port ' .. server.port, 1, true), why)
local r, why, reason = http.get(url .. '/wait', { timeout = 50 })
assert(r == nil and reason == 'timeout', why)
c.kill(c.receive())
do -- Over one connection.
  local before = server:info().accepted
  local session <close> = http.connect(url)
  for i = 1, 3 do assert(session:request({ target = '/echo', method = 'POST', body = 'n' .. i }).body == 'n' .. i) end
  assert(session:request({ target = '/pieces', stream = true }).status == 200)
  assert(session:request({ target = '/nowhere' }).status == 404)
  assert(server:info().accepted == before + 1)
end

-- A slow client, and one that never ends, disturb nobody.
do
  local slow, endless = open(), open()
  slow:send 'GET /ab'
  assert(http.get(url .. '/none').status == 204)
  endless:close()
  slow:close()
end

-- A port that is taken.
local taken, why, reason = http.serve({ port = server.port }, handler)
assert(taken == nil and reason == 'address already in use', reason)
assert(why:find('cannot listen at 127.0.0.1 port ' .. server.port .. ': address already in use; another program has it', 1, true), why)

-- A graceful stop: who waits for a request is gone at once, who is at an answer gives it.
local idle = open()
idle:send 'GET /none HTTP/1.1\r\nHost: x\r\n\r\n'
assert(answer(idle) == 204)
local busy = open()
busy:send 'GET /wait HTTP/1.1\r\nHost: x\r\n\r\n'
local at_it = c.receive()
local stopped = c.spawnmonitor(function(pid) assert(http.stop(pid)) end, server.pid)
closed(idle)
-- The process that accepted is killed, and its socket is closed as its heap is freed.
repeat
  local s, why = socket.connect('127.0.0.1', server.port)
  if s then s:close() end
until why == 'connection refused'
-- It hears of the stop as the idle one did.
while c.processinfo(at_it).mailbox == 0 do c.sleep(0) end
c.send(at_it, { answer = true, text = 'to the end' })
local status, fields, body = answer(busy)
assert(status == 200 and body == 'to the end' and fields.connection == 'close')
closed(busy)
assert(c.receive().reason == 'normal')
assert(not c.isprocessalive(server.pid) and not c.isprocessalive(at_it))
local ok, why, reason = server:stop()
assert(ok == nil and reason == 'noproc', why)
