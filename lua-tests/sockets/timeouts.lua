-- test: processes
-- How long calls wait, and that nobody waits with them.
local c = require 'concurrent'
local socket = require 'socket'

local server = assert(socket.bind('127.0.0.1', 0))
local host, port = server:getsockname()
local a = assert(socket.connect(host, port))
local b = assert(server:accept())
-- What a call returns, and how many seconds it took.
local function timed(f, ...)
  local start = socket.gettime()
  local r = table.pack(f(...))
  return r, socket.gettime() - start
end

do -- No time at all.
  assert(server:settimeout(0) == 1)
  local r = timed(server.accept, server)
  assert(r[1] == nil and r[2] == 'timeout')
  b:settimeout(0, 't')
  assert(select(2, b:receive()) == 'timeout')
  b:settimeout(-1, 't')
  local block, total = server:gettimeout()
  assert(block == 0 and total == -1)
end
do -- Some.
  server:settimeout(0.05)
  local r, took = timed(server.accept, server)
  assert(r[1] == nil and r[2] == 'timeout' and took >= 0.05, took)
  b:settimeout(0.05, 't')
  r, took = timed(b.receive, b, '*l')
  assert(r[2] == 'timeout' and took >= 0.05, took)
end
do -- A block timeout is of each wait, a total one of the whole call.
  local drip = c.spawn(function(s)
    for _ = 1, 20 do s:send 'x' c.sleep(20) end
    s:send '\n'
    c.receive()
  end, a)
  b:settimeout(30, 'b')
  b:settimeout(0.1, 't')
  local r, took = timed(b.receive, b, '*l')
  assert(r[2] == 'timeout' and took >= 0.1, took)
  b:settimeout(-1, 't')
  r = timed(b.receive, b, '*l', r[3])
  assert(r[1] == ('x'):rep(20))
  c.kill(drip)
  -- Its socket is closed with it.
  assert(select(2, b:receive()) == 'closed')
end
do -- Others run meanwhile, and messages wait.
  local me = c.self()
  c.spawn(function()
    for i = 1, 5 do c.send(me, i) c.sleep(1) end
    assert(socket.connect(host, port))
  end)
  server:settimeout()
  server:accept():close()
  for i = 1, 5 do assert(c.receive(0) == i) end
end
do -- Nobody is dead-locked who waits at a socket.
  local me = c.self()
  server:settimeout()
  local acceptor = c.spawn(function(s) s:accept():close() c.send(me, 'accepted') end, server)
  local helper = c.spawn(function()
    c.sleep(50)
    assert(socket.connect(host, port))
  end)
  assert(c.receive() == 'accepted')
end
do -- The error of a time that is none.
  local ok, message = pcall(server.settimeout, server, 1, 'x')
  assert(not ok and message:find 'invalid timeout mode')
  ok, message = pcall(server.settimeout, server, 'soon')
  assert(not ok and message:find 'number expected')
end
do -- sleep
  local _, took = timed(socket.sleep, 0.02)
  assert(took >= 0.02)
  assert(socket.sleep(-1) == nil)
end
