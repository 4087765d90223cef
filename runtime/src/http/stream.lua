-- `concurrent.http.stream`: what comes over a connection: heads, and bodies in pieces. Of the server and of the client alike.
--
-- A stream is { socket =, text = what has come, at = where in it the unread part begins }. Functions that can fail return nil, why and a
-- text: why is the status that a server answers with, or 'timeout', 'closed', or the system's words.
local core = require 'concurrent.http.core'
local time = require('concurrent').time
local sub, find, format, concat, huge, max = string.sub, string.find, string.format, table.concat, math.huge, math.max
local collectgarbage = collectgarbage

-- Bytes that are taken at once.
local PIECE = 16384
-- Milliseconds after which who waits for more gives back what memory the last request took.
local REST = 1000
-- Milliseconds, and bytes, of what a peer still sends after the last answer.
local LINGER, LINGERING = 2000, 8 << 20

local function new(socket) return { socket = socket, text = '', at = 1 } end

-- Why a call of a socket has failed; an encrypted one says what it has waited for.
local function reason(why)
  if why == 'wantread' or why == 'wantwrite' then return 'timeout' end
  return why
end
-- Waits so many milliseconds for more: true.
local function fill(s, ms)
  local socket = s.socket
  local is_long = ms > REST
  socket:settimeout(is_long and REST / 1000 or max(ms, 0) / 1000)
  local first, why = socket:receive(1)
  if not first and is_long and reason(why) == 'timeout' then
    collectgarbage()
    socket:settimeout(ms < huge and (ms - REST) / 1000 or nil)
    first, why = socket:receive(1)
  end
  if not first then
    why = reason(why)
    return nil, why, why
  end
  socket:settimeout(0)
  local all, _, part = socket:receive(PIECE, first)
  local text = all or part
  if s.at <= #s.text then text = sub(s.text, s.at) .. text end
  s.text, s.at = text, 1
  return true
end

-- The next head, which has to be there at a time: what `core.request` or `core.response` has found.
local function head(s, parse, limits, deadline)
  local seen = s.at
  while true do
    local begins, a, b, minor, fields, length, stays, expects = parse(s.text, s.at, seen, limits.line, limits.head, limits.fields)
    if begins then
      s.at = begins
      return a, b, minor, fields, length, stays, expects
    elseif begins == nil then
      return nil, a, b
    end
    seen = #s.text - s.at + 2
    local ok, why = fill(s, deadline - time())
    if not ok then return nil, why, why end
  end
end

-- A body whose length a head has told: -1: in chunks; -2: all until the end of the connection. `limits` are { head, body }. Each
-- wait is so many milliseconds, or all are over at a time.
local function body(s, length, limits, wait, deadline)
  local b = { stream = s, left = length, taken = 0, limits = limits, wait = wait, deadline = deadline }
  if length == -1 then b.is_chunked, b.left = true, 0 end
  if length == -2 then b.is_open, b.left = true, huge end
  if length == 0 then b.is_done = true end
  return b
end
local function failed(b, why, text)
  b.failed = { why, text }
  return nil, why, text
end
local function more(b)
  local ok, why = fill(b.stream, b.deadline and b.deadline - time() or b.wait)
  if ok then return true end
  if why == 'closed' then return failed(b, 'closed', 'the connection was closed in the middle of a body') end
  return failed(b, why, why == 'timeout' and 'the rest of a body has not come in time' or why)
end
-- Reads lines after the last chunk, which are not looked at, up to the empty one.
local function trailers(b)
  local s, bytes = b.stream, 0
  while true do
    local at = find(s.text, '\n', s.at, true)
    local line = (at or #s.text) - s.at + 1
    if bytes + line > b.limits.head then
      return failed(b, 431, format('what follows the last chunk has more than %d bytes', b.limits.head))
    end
    if at then
      bytes = bytes + line
      local is_empty = find(s.text, '^\r?\n', s.at)
      s.at = at + 1
      if is_empty then return true end
    else
      local ok, why, text = more(b)
      if not ok then return nil, why, text end
    end
  end
end
-- Goes to the next chunk: true, or false after the last.
local function next_chunk(b)
  local s = b.stream
  if b.is_inside then
    while #s.text - s.at + 1 < 2 do
      local ok, why, text = more(b)
      if not ok then return nil, why, text end
    end
    if sub(s.text, s.at, s.at + 1) ~= '\r\n' then return failed(b, 400, 'a chunk does not end where it should') end
    s.at, b.is_inside = s.at + 2, nil
  end
  while true do
    local size, begins, text = core.chunk(s.text, s.at)
    if size == nil then return failed(b, begins, text) end
    if size then
      s.at = begins
      if size > 0 then
        b.left, b.is_inside = size, true
        return true
      end
      local ok, why, text = trailers(b)
      if not ok then return nil, why, text end
      return false
    end
    local ok, why, text = more(b)
    if not ok then return nil, why, text end
  end
end

-- The next piece of a body, as it has come; nil after the last.
local function piece(b)
  if b.is_done then return nil end
  if b.failed then return nil, b.failed[1], b.failed[2] end
  if b.ask then
    b.ask = nil
    local sent, why = b.stream.socket:send 'HTTP/1.1 100 Continue\r\n\r\n'
    if not sent then return failed(b, why, why) end
  end
  if b.left == 0 then
    local is_there, why, text = next_chunk(b)
    if is_there == nil then return nil, why, text end
    if not is_there then
      b.is_done = true
      return nil
    end
  end
  local s = b.stream
  local there = #s.text - s.at + 1
  if there == 0 then
    local ok, why, text = more(b)
    if not ok then
      if why == 'closed' and b.is_open then
        b.is_done, b.failed = true, nil
        return nil
      end
      return nil, why, text
    end
    there = #s.text
  end
  local n = there < b.left and there or b.left
  if b.taken + n > b.limits.body then
    return failed(b, 413, format('the body has more than %s bytes', tostring(b.limits.body)))
  end
  local part = sub(s.text, s.at, s.at + n - 1)
  s.at, b.taken, b.left = s.at + n, b.taken + n, b.left - n
  if b.left == 0 and not b.is_chunked then b.is_done = true end
  return part
end
-- All of it that has not been read.
local function whole(b)
  local first, why, text = piece(b)
  if not first then
    if why then return nil, why, text end
    return ''
  end
  local parts, n = { first }, 1
  while not b.is_done do
    local part, why, text = piece(b)
    if part then
      n = n + 1
      parts[n] = part
    elseif why then
      return nil, why, text
    end
  end
  return n == 1 and first or concat(parts)
end
-- Reads up to so many bytes of the rest, for nobody: whether that was all.
local function drop(b, most)
  if b.is_done then return true end
  if b.ask or b.failed or not b.is_chunked and b.left > most then return false end
  local stop = b.taken + most
  while not b.is_done and b.taken <= stop do
    local part, why = piece(b)
    if not part and why then return false end
  end
  return b.is_done == true
end

-- Closes a connection whose peer may still be sending: were it closed at once, the system would drop what the peer has not read yet.
local function linger(s)
  local socket = s.socket
  socket:shutdown 'send'
  local deadline, bytes = time() + LINGER, 0
  repeat
    s.text, s.at = '', 1
    local ok = fill(s, deadline - time())
    bytes = bytes + #s.text
  until not ok or bytes > LINGERING
  socket:close()
end

return { new = new, reason = reason, fill = fill, head = head, body = body, piece = piece, whole = whole, drop = drop, linger = linger }
