-- test: processes
-- test: stderr=limit
-- What a peer sends without end is bounded by the memory of who asks for it, and holds up nobody.
local c = require 'concurrent'
local socket = require 'socket'
local me = c.self()
local server = assert(socket.bind('127.0.0.1', 0))
local host, port = server:getsockname()

local function flood(s)
  local piece = ('x'):rep(100000)
  while s:send(piece) do end
end
for _, pattern in ipairs { '*l', '*a', 1e12 } do
  c.spawn(flood, assert(socket.connect(host, port)))
  local child = c.spawnmonitor(function(s)
    c.setoption('maxheap', 600000)
    s:receive(pattern)
  end, (server:accept()))
  local m = c.receive()
  assert(m.signal == 'DOWN' and m.from == child and m.reason == 'heaplimit', tostring(m.reason))
end
do -- Without a limit of its own it is the program's.
  local a = assert(socket.connect(host, port))
  local b = assert(server:accept())
  b:settimeout(0)
  a:send 'x'
  local ok, message = pcall(b.receive, b, 1 << 60)
  assert(ok and message == nil)
end
do -- Many small reads of one process leave others their turns.
  local reader = c.spawn(function(s) while s:receive(1) do end end, (function()
    c.spawn(flood, assert(socket.connect(host, port)))
    return (server:accept())
  end)())
  local pinger = c.spawn(function() for i = 1, 20 do c.send(me, i) c.sleep(0) end end)
  for i = 1, 20 do assert(c.receive(20000) == i) end
  c.kill(reader)
end
