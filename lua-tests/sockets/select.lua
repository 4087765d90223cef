-- test: processes
-- `select`: which sockets are ready, of which objects, and how long that is waited for.
local c = require 'concurrent'
local socket = require 'socket'

local server = assert(socket.bind('127.0.0.1', 0))
local host, port = server:getsockname()
local function pair()
  local a = assert(socket.connect(host, port))
  return a, assert(server:accept())
end
local a, b = pair()
local d, e = pair()

do -- Nothing to read; room to write.
  local r, w, why = socket.select({ a, b }, nil, 0)
  assert(next(r) == nil and next(w) == nil and why == 'timeout')
  local start = socket.gettime()
  r, w, why = socket.select({ a, b }, {}, 0.05)
  assert(why == 'timeout' and socket.gettime() - start >= 0.05)
  r, w, why = socket.select({ b }, { a, b })
  assert(why == nil and next(r) == nil)
  assert(w[1] == a and w[2] == b and w[a] == 1 and w[b] == 2 and w[3] == nil)
end
do -- What comes, and what has come already.
  a:send 'one\ntwo\n'
  local r = socket.select { e, b }
  assert(r[1] == b and r[b] == 1 and r[2] == nil)
  assert(b:receive() == 'one')
  r = socket.select({ e, b }, nil, 5)
  assert(r[1] == b and b:receive() == 'two')
  assert(select(3, socket.select({ e, b }, nil, 0)) == 'timeout')
end
do -- Waits, while others run, for several at once.
  local late = c.spawn(function(s) c.sleep(30) s:send 'x' c.receive() end, d)
  local r, w, why = socket.select({ b, e, server }, nil, 20)
  assert(why == nil and r[1] == e and e:receive(1) == 'x')
  c.kill(late)
  -- A peer that has closed is something to read.
  r = socket.select({ b, e }, nil, 20)
  assert(r[1] == e and select(2, e:receive()) == 'closed')
  -- A connection is, too.
  local one = assert(socket.connect(host, port))
  r = socket.select({ server, b }, nil, 20)
  assert(r[1] == server)
  server:accept():close()
end
do -- Objects that have a socket, closed ones, what is none.
  local source = socket.source('until-closed', b)
  local object = setmetatable({}, { __index = function(_, name)
    if name == 'getfd' then return function() return e:getfd() end end
  end })
  local other = { getfd = function() return 'none' end }
  local closed = (pair())
  closed:close()
  local r, w, why = socket.select({ closed, other, {}, source, object }, nil, 0)
  assert(r[1] == object and r[object] == 1 and r[2] == nil and why == nil)
  a:send 'x'
  r = socket.select({ source, other }, nil, 5)
  assert(r[source] == 1 and b:receive(1) == 'x')
  assert(select(3, socket.select({ closed, other }, { {} }, 0.01)) == 'timeout')
  assert(not pcall(socket.select, { 1 }))
  assert(not pcall(socket.select, 1))
  assert(not pcall(socket.select, {}, {}, 'soon'))
end
do -- Without sockets it is a sleep.
  local start = socket.gettime()
  local r, w, why = socket.select(nil, nil, 0.02)
  assert(why == 'timeout' and socket.gettime() - start >= 0.02)
end
