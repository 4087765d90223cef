-- `concurrent.http.websocket`: WebSockets (RFC 6455), of the server and of the client.
--
-- A WebSocket is { socket =, sending = milliseconds until the peer takes a message, code, reason = its end }. What has come is given to the
-- machine that the socket has with it (core.feed), which says what that is (core.event) and what is to be sent (core.outgoing).
local core, stream, text = require 'concurrent.http.core', require 'concurrent.http.stream', require 'concurrent.http.text'
local calls = require 'concurrent.call'
local mime = require 'mime.core'
local c = require 'concurrent'
local time, wrong, shown, is_time = c.time, calls.wrong, calls.shown, calls.is_time
local core_await, event, feed, outgoing, upgrade, transmit, mail = core.await, core.event, core.feed, core.outgoing, core.upgrade, core.transmit, core.mail
local type, tostring, error, setmetatable, pcall, getmetatable, pairs = type, tostring, error, setmetatable, pcall, getmetatable, pairs
local format, find, lower, match, gmatch, sub, huge, max, min = string.format, string.find, string.lower, string.match, string.gmatch, string.sub,
  math.huge, math.max, math.min
local mathtype = math.type

-- Bytes that are taken at once, and of a message at the most, if nothing else is said.
local PIECE, MOST = 16384, 1 << 20
-- Milliseconds until the peer has answered the end, and takes a message.
local FAREWELL, SENDING = 2000, 30000
-- The code of what has ended without one.
local CUT = 1006
local VERSION = '13'

local WebSocket = { __name = 'websocket' }
local methods = {}
WebSocket.__index = methods

-- The WebSocket of a connection, with what has come of it already.
local function new(socket, is_server, most, sending, rest)
  upgrade(socket, is_server, most or MOST)
  if rest ~= '' then feed(socket, rest) end
  return setmetatable({ socket = socket, sending = sending or SENDING, is_server = is_server }, WebSocket)
end

-- It has ended so.
local function ended(w, code, reason)
  if not w.code then w.code, w.reason = code, reason end
  w.socket:close()
end
-- Sends what the machine has to say: whether the peer has taken it.
local function flush(w)
  local bytes = outgoing(w.socket)
  if not bytes then return true end
  local socket = w.socket
  socket:settimeout(w.sending ~= huge and w.sending / 1000 or nil)
  local sent, why = socket:send(bytes)
  if sent then return true end
  ended(w, CUT, 'a message cannot be sent: ' .. stream.reason(why))
  return false
end
-- What comes within a time: kind and message; 'closed'; 'timeout'; or 'mail', if there are more messages in the mailbox than that.
local function next_event(w, deadline, known)
  while not w.code do
    local kind, message, reason = event(w.socket)
    if not flush(w) then break end
    if kind == 'closed' then
      -- What the peer has sent meanwhile is not to cost it what it was told.
      if message ~= CUT then stream.linger(stream.new(w.socket)) end
      ended(w, message, reason)
    elseif kind then
      return kind, message
    else
      local left = deadline == huge and -1 or max(deadline - time(), 0)
      local what = core_await(w.socket, left, known)
      if what == 'mail' then return 'mail' end
      if not what then return 'timeout' end
      w.socket:settimeout(0)
      local all, why, part = w.socket:receive(PIECE)
      all = all or part
      if all ~= '' then
        feed(w.socket, all)
      elseif why ~= 'timeout' and why ~= 'wantread' then
        feed(w.socket)
      end
    end
  end
  return 'closed'
end
-- The next text or binary message; pings and their answers are passed over.
local function next_message(w, deadline, known)
  local kind, message
  repeat kind, message = next_event(w, deadline, known) until kind ~= 'ping' and kind ~= 'pong'
  return kind, message
end
local function deadline_of(name, ms)
  if ms == nil then return huge end
  if not is_time(ms) then wrong(name, 1, 'time in milliseconds expected, got ' .. shown(ms), 1) end
  return time() + ms
end
local function ending(w) return nil, 'closed', w.code, w.reason end

-- The next message and its kind, 'text' or 'binary'; or nil, 'timeout' or 'closed', and of the end its code and reason.
function methods:receive(ms)
  local deadline = deadline_of('receive', ms)
  local held = self.held
  if held then
    self.held = nil
    return held[2], held[1]
  end
  local stopping = self.stopping
  while true do
    -- One that comes after this is another.
    local known = stopping and mail() or math.maxinteger
    if stopping and stopping() then
      self:close(1001, 'the server is being stopped')
      return ending(self)
    end
    local kind, message = next_message(self, deadline, known)
    if kind == 'closed' then return ending(self) end
    if kind == 'timeout' then return nil, 'timeout' end
    if kind ~= 'mail' then return message, kind end
  end
end
-- Waits for what comes first: 'websocket' (`receive` will not wait), or 'mailbox' (there is a message in it); or nil, 'timeout'.
function methods:wait(ms)
  local deadline = deadline_of('wait', ms)
  if self.held or self.code then return 'websocket' end
  local kind, message = next_message(self, deadline, 0)
  if kind == 'mail' then return 'mailbox' end
  if kind == 'timeout' then return nil, 'timeout' end
  if kind ~= 'closed' then self.held = { kind, message } end
  return 'websocket'
end
local function next_of(w) return w:receive() end
-- For a loop over the messages, and their kinds, until the end.
function methods:messages() return next_of, self end
local function send(w, kind, message)
  if w.code then return ending(w) end
  local ok, is_sent = pcall(transmit, w.socket, kind, message)
  if not ok then error((tostring(is_sent):gsub("^bad argument #3 to '[^']*' ", '')), 3) end
  if not is_sent then
    if w.code then return ending(w) end
    return nil, 'closed'
  end
  if not flush(w) then return ending(w) end
  return true
end
-- Sends a message, 'text' (which is UTF-8) or 'binary'.
function methods:send(message, kind)
  if type(message) ~= 'string' then wrong('send', 1, 'message (a string) expected, got ' .. shown(message)) end
  if kind ~= nil and kind ~= 'text' and kind ~= 'binary' then wrong('send', 2, "'text' or 'binary' expected, got " .. shown(kind)) end
  return send(self, kind or 'text', message)
end
-- Asks whether the peer is there; it answers by itself.
function methods:ping(message)
  if message ~= nil and type(message) ~= 'string' then wrong('ping', 1, 'bytes (a string) expected, got ' .. shown(message)) end
  return send(self, 'ping', message or '')
end
-- Ends it: true, when the peer has answered or its time for that is over. What still comes is passed over.
function methods:close(code, reason)
  if self.code then return true end
  if code ~= nil and mathtype(code) ~= 'integer' then wrong('close', 1, 'code (an integer) expected, got ' .. shown(code)) end
  if reason ~= nil and type(reason) ~= 'string' then wrong('close', 2, 'reason (a string) expected, got ' .. shown(reason)) end
  local ok, why = pcall(core.close, self.socket, code or 1000, reason or '')
  if not ok then error((tostring(why):gsub("^bad argument #(%d) to '[^']*' ", '')), 2) end
  self.held = nil
  local deadline = time() + FAREWELL
  local kind
  if flush(self) then
    repeat kind = next_event(self, deadline, math.maxinteger) until kind == 'closed' or kind == 'timeout'
  end
  ended(self, CUT, 'the peer has not answered the end')
  return true
end
WebSocket.__close = function(w) w:close() end

-- Whether a field has an element, as `connection: keep-alive, Upgrade` has.
local function has(field, wanted)
  for one in gmatch(field or '', '[^,]+') do
    if lower(match(one, '^%s*(.-)%s*$')) == wanted then return true end
  end
  return false
end
local function accept_of(key) return (mime.b64(core.accept_key(key))) end
local OPTIONS = { message = 'integer', protocol = 'string', headers = 'table' }
local function check(name, options)
  if options == nil then return {} end
  if type(options) ~= 'table' then wrong(name, 1, 'options (a table) expected, got ' .. shown(options), 1) end
  for key, v in pairs(options) do
    local wanted = OPTIONS[key]
    if not wanted then wrong(name, 1, format("there is no option '%s'", tostring(key)), 1) end
    if (wanted == 'integer' and mathtype(v) or type(v)) ~= wanted then
      wrong(name, 1, format("option '%s': %s expected, got %s", key, wanted, shown(v)), 1)
    end
  end
  return options
end
-- What a request that asks for a WebSocket is answered with, the head and options; or nil, why, and a status.
local function answer(request, options)
  options = check('websocket', options)
  local headers = request.headers
  if not has(headers.upgrade, 'websocket') or not has(headers.connection, 'upgrade') then
    return nil, 'the request asks for no WebSocket', 426
  end
  if request.method ~= 'GET' or request.version ~= '1.1' then return nil, 'a WebSocket begins with GET and HTTP/1.1', 400 end
  if headers['sec-websocket-version'] ~= VERSION then return nil, "'sec-websocket-version' is not " .. VERSION, 426 end
  local key = headers['sec-websocket-key'] or ''
  if not find(key, '^[%w+/]+==$') or #key ~= 24 then return nil, "'sec-websocket-key' is not 16 bytes in base64", 400 end
  local lines = { 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ', accept_of(key), '\r\n' }
  if options.protocol then
    text.fields(lines, { ['sec-websocket-protocol'] = options.protocol }, {})
  end
  if options.headers then
    local own = text.fields(lines, options.headers, { upgrade = true, connection = true, ['sec-websocket-accept'] = true })
    if own then error("the fields 'upgrade', 'connection' and 'sec-websocket-accept' are made by the server", 0) end
  end
  lines[#lines + 1] = '\r\n'
  return table.concat(lines), options
end

return { new = new, answer = answer, accept_of = accept_of, has = has, VERSION = VERSION }
