-- test: processes
-- A server with a process for each connection, and clients that are processes, too.
local c = require 'concurrent'
local socket = require 'socket'
local me = c.self()

local server = assert(socket.bind('127.0.0.1', 0))
local host, port = server:getsockname()
assert(host == '127.0.0.1' and port > 0)

local function serve(client)
  while true do
    local line = client:receive()
    if not line then break end
    assert(client:send('echo ' .. line .. '\n'))
  end
  client:close()
end
local acceptor = c.spawn(function(listener)
  while true do
    local client = assert(listener:accept())
    c.spawn(serve, client)
    -- It is the new process's.
    local sent, why = client:send 'x'
    assert(sent == nil and why == 'closed')
  end
end, server)
-- A socket that listens is shared.
assert(server:getsockname() == host)

local function talk(n)
  local s <close> = assert(socket.connect(host, port))
  for i = 1, 20 do
    local text = ('%d says %d'):format(n, i)
    assert(s:send(text .. '\n') == #text + 1)
    assert(s:receive() == 'echo ' .. text)
  end
  c.send(me, n)
end
for n = 1, 10 do c.spawn(talk, n) end
local seen = {}
for _ = 1, 10 do seen[c.receive()] = true end
for n = 1, 10 do assert(seen[n]) end

-- One that waits at a socket can be killed, and closes it.
c.kill(acceptor)
c.monitor(acceptor)
assert(c.receive().signal == 'DOWN')
server:close()
local s, why = socket.connect(host, port)
assert(s == nil and why == 'connection refused', why)
