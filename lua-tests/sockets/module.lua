-- test: processes
-- The modules' other functions.
local socket = require 'socket'
local core = require 'socket.core'
assert(require 'socket' == socket and socket.tcp == core.tcp and package.loaded.socket == socket)
assert(socket._VERSION == 'LuaSocket 3.1.0' and socket._DATAGRAMSIZE == 8192 and socket.BLOCKSIZE == 2048)
local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(text, 1, true), message)
end

do -- skip, gettime
  assert(select('#', socket.skip(1)) == 0 and socket.skip(1, 2, 3) == 3 and select('#', socket.skip(0, nil, nil)) == 2)
  assert(select('#', socket.skip(5, 1, 2)) == 0)
  local now = socket.gettime()
  assert(math.type(now) == 'float' and now > 9e8)
end
do -- try, newtry and protect
  local finalized = 0
  local try = socket.newtry(function() finalized = finalized + 1 end)
  local f = socket.protect(function(...) return 'fine', try(...) end)
  local ok, x, y = f(1, 2)
  assert(ok == 'fine' and x == 1 and y == 2 and finalized == 0)
  ok, x = f(nil, 'why')
  assert(ok == nil and x == 'why' and finalized == 1)
  ok, x = f(false, { 1 })
  assert(ok == nil and x[1] == 1 and finalized == 2)
  fails('another error', socket.protect(function() error 'another error' end))
  -- Nested, and through a coroutine.
  ok, x = socket.protect(function() return socket.protect(function() socket.try(nil, 'inner') end)() end)()
  assert(ok == nil and x == 'inner')
  local co = coroutine.wrap(socket.protect(function(...)
    local n = coroutine.yield(...)
    socket.try(nil, n)
  end))
  assert(co(5) == 5)
  ok, x = co 'resumed'
  assert(ok == nil and x == 'resumed')
  assert(select('#', socket.try(1, nil, nil)) == 3)
  local ok, e = pcall(socket.try, nil, 'wrapped')
  assert(not ok and type(e) == 'table' and e[1] == 'wrapped' and getmetatable(e) == false)
end
do -- dns
  assert(type(socket.dns.gethostname()) == 'string')
  local ip, all = socket.dns.toip '127.0.0.1'
  assert(ip == '127.0.0.1' or all == 'host or service not provided, or not known', all)
  local found = assert(socket.dns.getaddrinfo '127.0.0.1')
  assert(#found >= 1 and found[1].family == 'inet' and found[1].addr == '127.0.0.1')
  ip, all = socket.dns.toip 'localhost'
  assert(ip and type(all.name) == 'string' and all.ip[1] == ip and type(all.alias) == 'table', all)
  local none, why = socket.dns.toip 'no such host!'
  assert(none == nil and type(why) == 'string')
  none, why = socket.connect('no such host!', 80)
  assert(none == nil and type(why) == 'string')
  none, why = socket.bind('no such host!', 0)
  assert(none == nil and type(why) == 'string')
  fails('cannot be both nil', socket.dns.getnameinfo)
end
do -- bind and connect
  local server = assert(socket.bind('localhost', 0))
  local _, port = server:getsockname()
  assert(select(2, socket.bind('localhost', port)) == 'address already in use')
  local s = assert(socket.connect4('localhost', port, '127.0.0.1', 0))
  assert(s:getsockname() == '127.0.0.1')
  -- One that does not wait.
  local t = assert(socket.tcp())
  t:settimeout(0)
  local ok, why = t:connect('127.0.0.1', port)
  assert(ok == 1 or why == 'timeout', why)
  assert(select(2, socket.select(nil, { t }, 5))[t] == 1)
  -- The system says once that it is connected.
  ok, why = t:connect('127.0.0.1', port)
  assert(ok == 1 or why == 'already connected', why)
  ok, why = t:connect('127.0.0.1', port)
  assert(ok == nil and why == 'already connected', why)
  assert(t:getpeername() == '127.0.0.1')
  fails('invalid option', socket.connect, '127.0.0.1', port, nil, nil, 'ipx')
  fails('string expected', socket.connect)
  fails('string expected', t.connect, t, '127.0.0.1')
  local any = assert(socket.bind('*', 0))
  assert(any:getsockname() == '0.0.0.0')
end
do -- Options.
  local s = assert(socket.tcp4())
  for _, name in ipairs { 'keepalive', 'reuseaddr', 'reuseport', 'tcp-nodelay' } do
    assert(s:setoption(name, true) == 1 and s:getoption(name) == true, name)
    assert(s:setoption(name, false) == 1 and s:getoption(name) == false, name)
  end
  assert(s:setoption('linger', { on = true, timeout = 7 }) == 1)
  local linger = s:getoption 'linger'
  assert(linger.on == true and linger.timeout == 7)
  assert(s:setoption('tcp-keepidle', 77) == 1 and s:getoption 'tcp-keepidle' == 77 and s:getoption 'keepalive' == false)
  assert(s:setoption('send-buffer-size', 20000) == 1 and s:getoption 'send-buffer-size' >= 20000)
  fails("unsupported option `nonsense'", s.setoption, s, 'nonsense', 1)
  fails("boolean expected", s.setoption, s, 'keepalive', 1)
  fails("boolean 'on' field expected", s.setoption, s, 'linger', {})
  s:close()
  local ok, why = s:setoption('keepalive', true)
  assert(ok == nil and why == 'setsockopt failed')
end
do -- IPv6, where there is any.
  local server = socket.bind('::1', 0)
  if server then
    local host, port, family = server:getsockname()
    assert(host == '::1' and family == 'inet6')
    local s = assert(socket.connect6('::1', port))
    assert(s:getfamily() == 'inet6' and select(3, s:getpeername()) == 'inet6')
    assert(s:send 'six\n' and server:accept():receive() == 'six')
  end
end
do -- Sources and sinks.
  local server = assert(socket.bind('127.0.0.1', 0))
  local host, port = server:getsockname()
  local a = assert(socket.connect(host, port))
  local b = assert(server:accept())
  local sink = socket.sink('close-when-done', a)
  assert(sink 'some' == 4 and sink ' more' == 5 and sink(nil) == 1)
  local source = socket.source('by-length', b, 6)
  assert(source() == 'some m' and source() == nil)
  source = socket.source(b)
  assert(source() == 'ore' and source() == nil)
  fails('unknown key (nonsense)', socket.source, 'nonsense')
end
