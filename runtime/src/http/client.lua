-- `concurrent.http.client`: asks servers, over a connection for each request or one that stays.
local c = require 'concurrent'
local socket = require 'socket'
local calls = require 'concurrent.call'
local core, stream, text = require 'concurrent.http.core', require 'concurrent.http.stream', require 'concurrent.http.text'
local websocket, b64 = require 'concurrent.http.websocket', require('mime.core').b64
local time, wrong, shown, is_time = c.time, calls.wrong, calls.shown, calls.is_time
local parse_url, fields, reason = text.parse_url, text.fields, stream.reason
local type, tostring, pairs, error, pcall, setmetatable = type, tostring, pairs, error, pcall, setmetatable
local format, find, match, sub, upper, lower, concat = string.format, string.find, string.match, string.sub, string.upper, string.lower, table.concat
local gsub, mathtype, max, huge = string.gsub, math.type, math.max, math.huge

-- Milliseconds of a request, redirects that are followed, and bytes of an answer, if nothing else is said.
local TIMEOUT, REDIRECTS, MOST = 30000, 5, 16 << 20
local LIMITS = { line = 8192, head = 65536, fields = 128 }
-- Statuses of redirects, and which of them keep the method.
local MOVED = { [301] = false, [302] = false, [303] = false, [307] = true, [308] = true }

local FIELDS = { url = 'string', target = 'string', method = 'string', headers = 'table', timeout = 'number', redirects = 'integer', most = 'number',
  stream = 'boolean', body = 'any', cafile = 'string', verify = 'string' }
local VERIFY = { peer = true, none = true }
local BODIES = { string = true, number = true, table = true, ['function'] = true, ['nil'] = true }
-- What is wrong with a request.
local function fault(o, first)
  if type(o) ~= 'table' then return 'request (a table) expected, got ' .. shown(o) end
  for key, v in pairs(o) do
    local wanted = FIELDS[key]
    if not wanted then return format("a request has no field '%s'", tostring(key)) end
    if wanted ~= 'any' and (wanted == 'integer' and mathtype(v) or type(v)) ~= wanted then
      return format("field '%s' of a request: %s expected, got %s", key, wanted, shown(v))
    end
  end
  if first and o[first] == nil then return format("a request needs a field '%s'", first) end
  if o.method and not find(o.method, "^[%w!#$%%&'*+.^_`|~-]+$") then return "field 'method' of a request: " .. shown(o.method) .. ' is none' end
  if o.timeout and not is_time(o.timeout) then return "field 'timeout' of a request: milliseconds expected, got " .. shown(o.timeout) end
  if o.verify and not VERIFY[o.verify] then return "field 'verify' of a request: 'peer' or 'none' expected, got " .. shown(o.verify) end
  if not BODIES[type(o.body)] then
    return "field 'body' of a request: a string, an array of strings, or a function that returns the next piece expected, got " .. shown(o.body)
  end
  if o.target and find(o.target, '[%c ]') then return "field 'target' of a request has a space or a control character" end
end

-- Sessions: { host =, port =, authority =, stream = (nil: it is not connected), trust = { cafile =, verify = } (nil: it is not encrypted) }.

local function failure(session, why, text)
  session.stream = nil
  local place = format('%s port %d', session.host, session.port)
  if mathtype(why) == 'integer' then
    if why == 413 then return nil, format('%s: %s', place, text), 'too_large' end
    return nil, format('%s does not answer as HTTP/1 has it: %s', place, text), 'malformed'
  end
  if why == 'timeout' then return nil, place .. ': no answer in time', 'timeout' end
  if why == 'closed' then return nil, place .. ': the connection was closed before all of the answer', 'closed' end
  return nil, place .. ': ' .. why, why
end

-- Sends a request's body, which may be in pieces.
local function send_all(session, o, head, deadline)
  local to = session.stream.socket
  local function transmit(bytes)
    if deadline < huge then to:settimeout(max(deadline - time(), 0) / 1000) else to:settimeout(nil) end
    local sent, why = to:send(bytes)
    return sent, reason(why)
  end
  local body = o.body
  if type(body) ~= 'function' then
    if #body <= 65536 then return transmit(head .. body) end
    local sent, why = transmit(head)
    if sent then sent, why = transmit(body) end
    return sent, why
  end
  local sent, why = transmit(head)
  while sent do
    local part = body()
    if part == nil then return transmit '0\r\n\r\n' end
    if type(part) ~= 'string' then error('a function that is a body returns strings, and nil at the end, not ' .. shown(part), 0) end
    if part ~= '' then sent, why = transmit(format('%x\r\n', #part) .. part .. '\r\n') end
  end
  return nil, why
end

local Response = { __name = 'http response', __index = {} }
local BODY, SESSION = {}, {}
local function next_piece(response)
  local part, why, text = stream.piece(response[BODY])
  if part then return part end
  if why then
    local _, message = failure(response[SESSION], why, text)
    error(message, 0)
  end
  return nil
end
-- For a loop over the pieces of a body that was asked for with `stream`; raises what fails.
function Response.__index:chunks() return next_piece, self end
-- Closes the connection; for a response with `stream` that is not read to its end.
function Response.__index:close()
  local session = self[SESSION]
  if session.stream then
    session.stream.socket:close()
    session.stream = nil
  end
end

local UPGRADE = { host = true, connection = true, upgrade = true, ['sec-websocket-version'] = true, ['sec-websocket-key'] = true }
local OWN = { host = true, connection = true, ['content-length'] = true, ['transfer-encoding'] = true }
-- Sends a request over a session, and reads the answer.
local function exchange(session, method, target, o, deadline, stays)
  local lines = { format('%s %s HTTP/1.1\r\n', method, target) }
  local own = o.headers and fields(lines, o.headers, OWN) or {}
  if own['content-length'] or own['transfer-encoding'] then
    error("the fields 'content-length' and 'transfer-encoding' follow from the body, and are not to be given", 0)
  end
  lines[#lines + 1] = 'host: ' .. (own.host or session.authority) .. '\r\n'
  if not stays then lines[#lines + 1] = 'connection: close\r\n' end
  local body = o.body
  if type(body) == 'table' then body = concat(body) end
  if type(body) == 'function' then
    lines[#lines + 1] = 'transfer-encoding: chunked\r\n'
  elseif body ~= nil or method == 'POST' or method == 'PUT' or method == 'PATCH' then
    body = tostring(body or '')
    lines[#lines + 1] = 'content-length: ' .. #body .. '\r\n'
  end
  lines[#lines + 1] = '\r\n'
  local from = session.stream
  local sent, why = send_all(session, { body = body or '' }, concat(lines), deadline)
  if not sent and why == 'timeout' then return failure(session, why) end
  -- Who does not want all of it may have answered already.
  local status, reason, minor, headers, length, keeps
  repeat
    status, reason, minor, headers, length, keeps = stream.head(from, core.response, LIMITS, deadline)
    if not status then return failure(session, sent and reason or why, sent and minor or why) end
  until status >= 200 or status == 101
  if method == 'HEAD' or status == 204 or status == 304 then length = 0 end
  if not sent or length == -2 then keeps = false end
  local limits = { head = LIMITS.head, body = o.most or MOST }
  if length > limits.body and not o.stream then return failure(session, 413, format('the body has %d bytes, and may have %s', length, limits.body)) end
  if o.stream and not o.most then limits.body = huge end
  local content = stream.body(from, length, limits, nil, deadline)
  local response = setmetatable({ status = status, reason = reason, headers = headers, version = minor == 1 and '1.1' or '1.0' }, Response)
  response[SESSION] = session
  if o.stream then
    response[BODY] = content
    -- It is for nobody else until it is read.
    session.pending = content
  else
    local all, why, text = stream.whole(content)
    if not all then return failure(session, why, text) end
    response.body = all
  end
  if not keeps then session.is_last = true end
  return response
end

-- Contexts of TLS, by whom they trust.
local contexts = {}
-- An encrypted connection in the place of one to a session's host; or nil, why, and a reason.
local function secure(session, plain, deadline)
  local ssl, trust = require 'ssl', session.trust
  local key = (trust.verify or 'peer') .. '\0' .. (trust.cafile or '')
  local context, why = contexts[key], nil
  if not context then
    context, why = ssl.newcontext { mode = 'client', cafile = trust.cafile, verify = trust.verify or 'peer' }
    contexts[key] = context
  end
  local to
  if context then to, why = ssl.wrap(plain, context) end
  if not to then
    plain:close()
    return nil, format('no encrypted connection to https://%s: %s', session.authority, why), 'tls'
  end
  if deadline < huge then to:settimeout(max(deadline - time(), 0) / 1000, 't') end
  local ok, why = to:dohandshake()
  if not ok then
    to:close()
    if reason(why) == 'timeout' then return failure(session, 'timeout') end
    return nil, format('no encrypted connection to https://%s: %s', session.authority, why), 'tls'
  end
  to:settimeout(nil, 't')
  return to
end
-- Connects a session, if it is not.
local function reach(session, deadline)
  local left = deadline - time()
  if left <= 0 then return failure(session, 'timeout') end
  local to = socket.tcp()
  if deadline < huge then to:settimeout(left / 1000) end
  local ok, why = to:connect(session.host, session.port)
  if not ok then
    to:close()
    if why == 'timeout' then return failure(session, why) end
    return nil, format('%s port %d cannot be reached: %s', session.host, session.port, why), why
  end
  to:setoption('tcp-nodelay', true)
  if session.trust then
    local why, reason
    to, why, reason = secure(session, to, deadline)
    if not to then return nil, why, reason end
  end
  session.stream, session.is_last, session.pending = stream.new(to), nil, nil
  return true
end
local function leave(session)
  local from = session.stream
  if from then
    from.socket:close()
    session.stream = nil
  end
end
-- Whom a request believes.
local function trust_of(o) return { cafile = o.cafile, verify = o.verify } end
local function deadline_of(o) return time() + (o.timeout or TIMEOUT) end

-- Options of a WebSocket, beside what says how it is reached.
local WEBSOCKET = { protocol = 'string', headers = 'table', timeout = 'number', message = 'integer', cafile = 'string', verify = 'string' }
-- A WebSocket with the server of a URL: ws://host/path, or wss; or nil, why, and a reason.
local function open_websocket(url, o)
  if type(url) ~= 'string' then wrong('websocket', 1, 'URL (a string) expected, got ' .. shown(url)) end
  local host, port, target, authority, is_secure = parse_url((gsub(url, '^[wW][sS]([sS]?):', 'http%1:')))
  if not host then wrong('websocket', 1, port) end
  o = o == nil and {} or o
  for key in pairs(type(o) == 'table' and o or {}) do
    if not WEBSOCKET[key] then wrong('websocket', 2, format("there is no option '%s'", tostring(key))) end
  end
  local why = fault({ headers = o.headers, timeout = o.timeout, most = o.message, cafile = o.cafile, verify = o.verify })
  if why then wrong('websocket', 2, why) end
  if o.protocol ~= nil and (type(o.protocol) ~= 'string' or find(o.protocol, '[%c]')) then
    wrong('websocket', 2, "option 'protocol': names with commas between them expected, got " .. shown(o.protocol))
  end
  local deadline = deadline_of(o)
  local session = { host = host, port = port, authority = authority, trust = is_secure and trust_of(o) or nil }
  local ok, why, reason = reach(session, deadline)
  if not ok then return nil, why, reason end
  local key = b64(core.new_key())
  local lines = { format('GET %s HTTP/1.1\r\n', target) }
  local own = o.headers and fields(lines, o.headers, UPGRADE) or {}
  for name in pairs(own) do
    if name ~= 'host' then error(format("the field '%s' of a WebSocket is not to be given", name), 0) end
  end
  lines[#lines + 1] = format('host: %s\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: %s\r\nsec-websocket-key: %s\r\n',
    own.host or authority, websocket.VERSION, key)
  if o.protocol then lines[#lines + 1] = 'sec-websocket-protocol: ' .. o.protocol .. '\r\n' end
  lines[#lines + 1] = '\r\n'
  local from = session.stream
  local function give_up(...)
    from.socket:close()
    return ...
  end
  local sent, why = send_all(session, { body = '' }, concat(lines), deadline)
  if not sent then return give_up(failure(session, why)) end
  local status, reason, minor, headers = stream.head(from, core.response, LIMITS, deadline)
  if not status then return give_up(failure(session, reason, minor)) end
  if status ~= 101 then
    return give_up(nil, format('%s is no WebSocket: the answer is %d %s', url, status, reason), 'refused', status)
  end
  if not websocket.has(headers.upgrade, 'websocket') or headers['sec-websocket-accept'] ~= websocket.accept_of(key) then
    return give_up(nil, format('%s does not answer as WebSocket has it', url), 'malformed')
  end
  local w = websocket.new(from.socket, false, o.message, o.timeout or TIMEOUT, sub(from.text, from.at))
  w.protocol, w.headers = headers['sec-websocket-protocol'], headers
  return w
end

local Session = { __name = 'http connection', __index = {} }
Session.__close = function(session) leave(session) end
-- A request over this connection, which is made anew if the server has closed it: { target = '/path', ... }.
function Session.__index:request(o)
  local why = fault(o, 'target')
  if why then wrong('request', 1, why) end
  local deadline = deadline_of(o)
  if self.pending and not (self.pending.is_done or stream.drop(self.pending, 65536)) then leave(self) end
  if self.is_last then leave(self) end
  -- One that the server has closed has an end to be read; one that has said what nobody has asked for is not to be trusted.
  if self.stream then
    local _, why = stream.fill(self.stream, 0)
    if why ~= 'timeout' or self.stream.at <= #self.stream.text then leave(self) end
  end
  if not self.stream then
    local ok, why, reason = reach(self, deadline)
    if not ok then return nil, why, reason end
  end
  return exchange(self, upper(o.method or 'GET'), o.target, o, deadline, true)
end
function Session.__index:close() leave(self) end

-- A connection to the server of a URL, for several requests; of `o` it takes whom it trusts.
local function connect(url, o)
  if type(url) ~= 'string' then wrong('connect', 1, 'URL (a string) expected, got ' .. shown(url)) end
  local host, port, _, authority, is_secure = parse_url(url)
  if not host then wrong('connect', 1, port) end
  local why = o ~= nil and fault(o)
  if why then wrong('connect', 2, why) end
  return setmetatable({ host = host, port = port, authority = authority, trust = is_secure and trust_of(o or {}) or nil }, Session)
end

-- The URL that a redirect leads to.
local function moved(url, location)
  if find(location, '^%a[%w+.-]*:') then return location end
  local origin = match(url, '^[^:]+://[^/?#]*')
  if sub(location, 1, 2) == '//' then return match(url, '^[^:]+:') .. location end
  if sub(location, 1, 1) == '/' then return origin .. location end
  local path = match(url, '^[^:]+://[^/?#]*([^?#]*/)') or '/'
  return origin .. path .. location
end
-- One request, over a connection of its own.
local function ask(name, o)
  local why = fault(o, 'url')
  if why then wrong(name, 1, why, 1) end
  local url, method, deadline = o.url, upper(o.method or 'GET'), deadline_of(o)
  local host, port, target, authority, is_secure = parse_url(url)
  if not host then wrong(name, 1, port, 1) end
  local asked, left = o, o.redirects or REDIRECTS
  while true do
    local session = setmetatable({ host = host, port = port, authority = authority, trust = is_secure and trust_of(o) or nil }, Session)
    local ok, why, reason = reach(session, deadline)
    if not ok then return nil, why, reason end
    local is_done, response, why, reason = pcall(exchange, session, method, target, asked, deadline, false)
    if not is_done then
      leave(session)
      error(response, 0)
    end
    if not response or not asked.stream then leave(session) end
    if not response then return nil, why, reason end
    response.url = url
    local location = response.headers.location
    local keeps = MOVED[response.status]
    if keeps == nil or not location or left < 1 or type(asked.body) == 'function' then return response end
    if method ~= 'GET' and method ~= 'HEAD' and not keeps and response.status ~= 303 and method ~= 'POST' then return response end
    left = left - 1
    response:close()
    url = moved(url, location)
    local old, was_secure = authority, is_secure
    host, port, target, authority, is_secure = parse_url(url)
    if not host then return nil, format('%s leads to %s', o.url, port), 'redirect' end
    local again = {}
    for key, v in pairs(asked) do again[key] = v end
    if not keeps and method ~= 'HEAD' then method, again.body = 'GET', nil end
    if (authority ~= old or is_secure ~= was_secure) and asked.headers then
      -- What was meant for one host is not told to another.
      again.headers = {}
      for key, v in pairs(asked.headers) do
        local small = lower(key)
        if small ~= 'authorization' and small ~= 'cookie' and small ~= 'host' then again.headers[key] = v end
      end
    end
    asked = again
  end
end
-- A request: { url =, method =, headers =, body =, timeout =, redirects =, most =, stream = }. The response; or nil, why, and a reason.
local function request(o)
  local response, why, reason = ask('request', o)
  if response then return response end
  return nil, why, reason
end
local function get(url, o)
  local response, why, reason = ask('get', { url = url, headers = o and o.headers, timeout = o and o.timeout, redirects = o and o.redirects,
    most = o and o.most, stream = o and o.stream, cafile = o and o.cafile, verify = o and o.verify })
  if response then return response end
  return nil, why, reason
end
local function post(url, body, headers)
  local response, why, reason = ask('post', { url = url, method = 'POST', body = body, headers = headers })
  if response then return response end
  return nil, why, reason
end

return { request = request, get = get, post = post, connect = connect, websocket = open_websocket }
