-- test: processes
-- A connection that is idle for long: it gives back memory, and is served and closed as others are.
local c = require 'concurrent'
local socket = require 'socket'
local http = require 'concurrent.http'

local server = assert(http.serve({ port = 0, timeouts = { idle = 2000 } }, function(request)
  return 200, nil, request.path
end))
local client = assert(socket.connect('127.0.0.1', server.port))
client:settimeout(30)
local function ask(path)
  assert(client:send('GET ' .. path .. ' HTTP/1.1\r\nHost: x\r\n\r\n'))
  local line, length = assert(client:receive '*l')
  assert(line == 'HTTP/1.1 200 OK', line)
  repeat
    line = assert(client:receive '*l')
    length = line:match '^content%-length: (%d+)' or length
  until line == ''
  return assert(client:receive(tonumber(length)))
end
assert(ask '/a' == '/a')
-- Longer than it waits before it gives back memory, and shorter than it may be idle.
local ready, _, why = socket.select({ client }, nil, 1.3)
assert(#ready == 0 and why == 'timeout')
assert(ask '/b' == '/b')
local asked = c.time()
local got, closed = client:receive(1)
assert(got == nil and closed == 'closed', closed)
-- The time of both waits together.
assert(c.time() - asked >= 1900, c.time() - asked)
server:stop()
