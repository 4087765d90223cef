-- test: processes
-- test: stderr=the handler of GET /fails failed
-- WebSockets: the server and the client, and what others send.
local c = require 'concurrent'
local socket, http, mime = require 'socket', require 'concurrent.http', require 'mime.core'
local me = c.self()
local function file(name) return 'sockets/certificates/' .. name end
local function contains(text, part) assert(tostring(text):find(part, 1, true), ('%q is not in %q'):format(part, tostring(text))) end

local function handler(request)
  if request.path == '/plain' then return 200, nil, 'plain' end
  local ws, why, status = request:websocket { message = 100000, protocol = request.headers['sec-websocket-protocol'] and 'two' }
  if not ws then return status, { ['sec-websocket-version'] = '13' }, why end
  if request.path == '/echo' then
    for message, kind in ws:messages() do ws:send(message, kind) end
    c.send(me, { code = ws.code, reason = ws.reason })
  elseif request.path == '/fails' then
    ws:receive()
    error 'on purpose'
  elseif request.path == '/room' then
    -- What comes first: a message of the client or of a process.
    c.send(me, c.self())
    while true do
      local what = ws:wait()
      if what == 'mailbox' then
        local m = c.receive()
        if m.signal == 'EXIT' then return ws:close(1001, 'going') end
        ws:send(m.text)
      else
        local message, why = ws:receive()
        if not message then return end
        ws:send('you said ' .. message)
      end
    end
  elseif request.path == '/ends' then
    ws:close(4000, 'enough')
    assert(select(2, ws:send 'x') == 'closed')
    c.send(me, { code = ws.code })
  elseif request.path == '/slow' then
    local message, why = ws:receive(20)
    ws:send(tostring(message) .. ' ' .. why)
    c.send(me, c.self())
    ws:receive()
    c.send(me, { code = ws.code })
  end
end
local server = assert(http.serve({ port = 0 }, handler))
local url = 'ws://127.0.0.1:' .. server.port
local function code() return c.receive(20000, function(m) return type(m) == 'table' and m.code ~= nil end) end

do -- Messages of both kinds and any length.
  local ws <close> = assert(http.websocket(url .. '/echo'))
  assert(ws:send 'ä text' == true)
  local message, kind = ws:receive(20000)
  assert(message == 'ä text' and kind == 'text')
  local long = ('\0\255'):rep(50000)
  assert(ws:send(long, 'binary'))
  local message, kind = ws:receive(20000)
  assert(message == long and kind == 'binary')
  ws:send ''
  assert(ws:receive(20000) == '')
  assert(ws:ping 'are you there?')
  local message, why = ws:receive(20)
  assert(message == nil and why == 'timeout')
  -- Both may be ahead of each other.
  for i = 1, 100 do ws:send('n' .. i) end
  for i = 1, 100 do assert(ws:receive(20000) == 'n' .. i) end
  assert(ws:close(4321, 'done'))
  local message, why, code, reason = ws:receive()
  assert(message == nil and why == 'closed' and code == 4321 and reason == 'done')
  assert(select(3, ws:send 'x') == 4321 and ws:close())
end
local m = code()
assert(m.code == 4321 and m.reason == 'done')
-- What cannot be sent.
do
  local ws = assert(http.websocket(url .. '/echo'))
  local function fails(part, f, ...)
    local ok, why = pcall(f, ws, ...)
    assert(not ok)
    contains(why, part)
  end
  fails('a text is UTF-8, and byte 3 is not', ws.send, 'ab\255')
  fails('code 1005 is not for programs', ws.close, 1005)
  fails('126 bytes are too many', ws.ping, ('x'):rep(126))
  fails("'text' or 'binary' expected", ws.send, 'x', 'picture')
  -- More than the server takes.
  ws:send(('x'):rep(100001), 'binary')
  local message, why, code = ws:receive(20000)
  assert(message == nil and why == 'closed' and code == 1009, code)
  assert(ws:close())
end
assert(code().code == 1009)
do -- The server ends it; and fails.
  local ws = assert(http.websocket(url .. '/ends'))
  local message, why, number, reason = ws:receive(20000)
  assert(message == nil and why == 'closed' and number == 4000 and reason == 'enough')
  assert(code().code == 4000)
  ws = assert(http.websocket(url .. '/fails'))
  ws:send 'go'
  assert(select(3, ws:receive(20000)) == 1011)
end
do -- A process that waits for both.
  local ws = assert(http.websocket(url .. '/room'))
  local room = c.receive(20000, c.ispid or function(m) return type(m) ~= 'table' end)
  ws:send 'one'
  assert(ws:receive(20000) == 'you said one')
  for i = 1, 10 do
    c.send(room, { text = 'm' .. i })
    assert(ws:receive(20000) == 'm' .. i)
    ws:send(tostring(i))
    assert(ws:receive(20000) == 'you said ' .. i)
  end
  -- So does this one.
  c.send(me, 'mail')
  assert(ws:wait(20000) == 'mailbox' and c.receive() == 'mail')
  ws:send 'more'
  assert(ws:wait(20000) == 'websocket' and ws:wait() == 'websocket' and ws:receive() == 'you said more')
  assert(select(2, ws:wait(20)) == 'timeout')
  assert(ws:close())
end
do -- A subprotocol, and fields.
  local ws = assert(http.websocket(url .. '/echo', { protocol = 'one, two', headers = { ['x-a'] = 'b' } }))
  assert(ws.protocol == 'two')
  ws:close()
  code()
end
-- No WebSocket.
local ws, why, reason, status = http.websocket(url .. '/plain')
assert(ws == nil and reason == 'refused' and status == 200)
contains(why, 'is no WebSocket: the answer is 200 OK')
assert(http.get('http://127.0.0.1:' .. server.port .. '/echo').status == 426)
local r = assert(http.get('http://127.0.0.1:' .. server.port .. '/echo', { headers = { upgrade = 'websocket', ['sec-websocket-version'] = '13' } }))
assert(r.status == 426)

-- As bytes: what RFC 6455 has as its example, frames in pieces, and what is not allowed.
local function open(path)
  local s = assert(socket.connect('127.0.0.1', server.port))
  s:settimeout(20)
  s:send('GET ' .. path .. ' HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
  assert(s:receive() == 'HTTP/1.1 101 Switching Protocols')
  local fields = {}
  for line in function() return s:receive() end do
    if line == '' then break end
    local name, value = line:match '^([^:]+): (.*)$'
    fields[name:lower()] = value
  end
  assert(fields['sec-websocket-accept'] == 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' and fields.upgrade == 'websocket')
  return s
end
do
  local s <close> = open '/echo'
  -- "Hel", a ping in between, "lo"; masked by 0.
  for _, part in ipairs { '\x01\x83\0\0\0\0H', 'el', '\x89\x82\0\0\0\0hi', '\x80\x82', '\0\0\0\0lo' } do s:send(part) end
  assert(s:receive(4) == '\x8a\2hi')
  assert(s:receive(7) == '\x81\5Hello')
  s:send '\x88\x82\0\0\0\0\x03\xe8'
  assert(s:receive(4) == '\x88\2\x03\xe8')
  assert(select(2, s:receive(1)) == 'closed')
end
assert(code().code == 1000)
do -- A client that does not mask.
  local s <close> = open '/echo'
  s:send '\x81\2hi'
  local head = s:receive(4)
  assert(head:byte(1) == 0x88 and head:sub(3) == '\x03\xea')
end
assert(code().code == 1002)
do -- One that is cut.
  local s = open '/echo'
  s:close()
  assert(code().code == 1006)
end
do -- Encrypted.
  local safe = assert(http.serve({ port = 0, tls = { certificate = file 'server.pem', key = file 'server.key' } }, handler))
  local ws = assert(http.websocket('wss://localhost:' .. safe.port .. '/echo', { cafile = file 'ca.pem' }))
  local long = ('x'):rep(90000)
  ws:send(long)
  assert(ws:receive(20000) == long)
  ws:close()
  assert(code().code == 1000)
  assert(http.websocket('wss://localhost:' .. safe.port .. '/echo') == nil)
  safe:stop()
end
-- A limit of time; and a stop, which tells the clients.
local ws = assert(http.websocket(url .. '/slow'))
assert(ws:receive(20000) == 'nil timeout')
c.receive(20000, function(m) return type(m) ~= 'table' end)
local stopping = c.spawnmonitor(function(pid) assert(http.stop(pid, 20000)) end, server.pid)
local message, why, number = ws:receive(20000)
assert(message == nil and number == 1001, number)
assert(code().code == 1001)
assert(c.receive(20000, { signal = 'DOWN' }).reason == 'normal')
