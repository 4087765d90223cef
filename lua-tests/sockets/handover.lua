-- test: processes
-- Sockets and other processes: as arguments of spawn they are handed over, and no other way.
local c = require 'concurrent'
local socket = require 'socket'
local me = c.self()

local server = assert(socket.bind('127.0.0.1', 0))
local host, port = server:getsockname()
local function pair()
  local a = assert(socket.connect(host, port))
  return a, assert(server:accept())
end

do -- With all that it has: what has come, timeouts, options; its number of arguments does not matter.
  local a, b = pair()
  a:send 'one\ntwo\n'
  assert(b:receive() == 'one' and b:dirty())
  b:settimeout(3)
  b:settimeout(4, 't')
  c.spawn(function(x, same, s, n, again)
    assert(x == 1 and n == nil and same == s and again == s)
    local block, total = s:gettimeout()
    assert(block == 3 and total == 4)
    c.send(me, s:receive())
    c.send(me, s:receive())
    s:send 'done\n'
  end, 1, b, b, nil, b)
  assert(select(2, b:receive()) == 'closed' and b:getfd() == -1)
  assert(c.receive() == 'two')
  a:send 'three\n'
  assert(c.receive() == 'three')
  assert(a:receive() == 'done')
  -- It ends with its process.
  assert(select(2, a:receive()) == 'closed')
end
do -- A process that dies before it has begun closes it.
  local a, b = pair()
  local child = c.spawn(function() end, b)
  c.kill(child)
  assert(select(2, a:receive()) == 'closed')
end
do -- By an upvalue or a global it is a placeholder, and its owner keeps it.
  local a, b = pair()
  closed = (pair())
  closed:close()
  open, list = b, { sockets = { b } }
  local child = c.spawnmonitor(function()
    local function fails(f)
      local ok, message = pcall(f)
      assert(not ok and message:find('a socket of the spawning process cannot be used in the spawned one (as an argument of spawn it is handed over)', 1, true), message)
    end
    fails(function() b:send 'x' end)
    fails(function() open:close() end)
    fails(function() return #list.sockets[1] end)
    assert(tostring(b):find '^unusable socket of the spawning process')
    assert(b == open and list.sockets[1] == b)
    -- A closed one is closed.
    assert(tostring(closed):find '^tcp{client}: ' and select(2, closed:send 'x') == 'closed')
    -- Another process of it knows as much.
    local grandchild = c.spawnmonitor(function() fails(function() b:send 'x' end) end)
    assert(c.receive().reason == 'normal')
  end)
  local m = c.receive()
  assert(m.from == child and m.reason == 'normal', m.reason)
  assert(b:send 'still here\n' and a:receive() == 'still here')
  open, list, closed = nil
end
do -- Nor can it be sent.
  local a, b = pair()
  local ok, message = pcall(c.send, me, { connections = { b } })
  assert(not ok and message:find('a socket', 1, true), message)
end
do -- A process that has one cannot move, for a reason; nor one that waits at it.
  local a, b = pair()
  local child = c.spawn(function(s)
    local state = { socket = s }
    c.send(me, c.migratable and select(2, c.migratable()) or '')
    local _ = state.socket:receive()
  end, b)
  local why = c.receive()
  assert(why:find "holds an open socket", why)
end
do -- What is collected is closed, and so is a variable that is to be closed.
  local a, b = pair()
  do local s <close> = b end
  assert(select(2, a:receive()) == 'closed')
  local d, e = pair()
  e = nil
  collectgarbage() collectgarbage()
  assert(select(2, d:receive()) == 'closed')
end
do -- Several processes accept at one socket.
  local one, another = c.spawn(function(s) s:accept():close() c.send(me, 1) end, server), nil
  another = c.spawn(function(s) s:accept():close() c.send(me, 2) end, server)
  local x, y = socket.connect(host, port), socket.connect(host, port)
  assert(c.receive() + c.receive() == 3)
  -- Closed by one, it is there for the others.
  local third = c.spawn(function(s) s:close() c.send(me, 'closed') end, server)
  assert(c.receive() == 'closed')
  assert(socket.connect(host, port))
  server:accept():close()
end
do -- An interrupt reaches who waits.
  local a, b = pair()
  local child = c.spawn(function(s)
    local ok, message = pcall(function()
      c.send(me, 'begun')
      return s:receive()
    end)
    c.send(me, message)
    c.send(me, s:receive())
  end, b)
  assert(c.receive() == 'begun')
  c.interrupt(child)
  local message = c.receive(5000)
  assert(message and tostring(message):find 'interrupted!', message)
  a:send 'goes on\n'
  assert(c.receive() == 'goes on')
end
