-- test: processes
-- HTTP servers under supervisors, their limits of connections, and their ends.
local c = require 'concurrent'
local socket = require 'socket'
local http = require 'concurrent.http'

local function hello() return 200, nil, 'hello' end
local function get(port) return http.get('http://127.0.0.1:' .. port .. '/') end
-- One that is killed is started again, and takes its connections along.
local options = { port = 0, name = 'web' }
local supervisor = assert(c.supervisor { children = { { id = 'web', start = function() return http.startlink(options, hello) end } } })
local first = c.whereis 'web'
local port = http.info('web').port
assert(get(port).body == 'hello')
local s = assert(socket.connect('127.0.0.1', port))
s:settimeout(10)
s:send 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
assert(s:receive() == 'HTTP/1.1 200 OK')
c.kill(first)
assert(s:receive '*a')
while c.whereis 'web' == nil or c.whereis 'web' == first do c.step() end
assert(get(http.info('web').port).body == 'hello')
local last = http.info('web').port
assert(require('concurrent.supervisor').stop(supervisor))
assert(c.whereis 'web' == nil)
assert(select(3, get(last)) == 'connection refused')

-- A name that is taken.
local one = assert(http.serve({ port = 0, name = 'one' }, hello))
local none, why, reason = http.start({ port = 0, name = 'one' }, hello)
assert(none == nil and reason == 'taken', why)
assert(one:stop())

do -- So many connections at a time: the next waits until one ends.
  local few = assert(http.serve({ port = 0, connections = 2 }, hello))
  local a, b, d = socket.connect('127.0.0.1', few.port), socket.connect('127.0.0.1', few.port), socket.connect('127.0.0.1', few.port)
  local request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  for _, s in ipairs { a, b, d } do
    s:settimeout(10)
    s:send(request)
  end
  assert(a:receive() and b:receive())
  d:settimeout(0)
  assert(few:info().connections == 2 and select(2, d:receive()) == 'timeout')
  a:close()
  d:settimeout(10)
  assert(d:receive() == 'HTTP/1.1 200 OK')
  assert(few:info().accepted == 3)
  assert(few:stop())
end
do -- Who does not come to an end is ended.
  local endless = assert(http.serve({ port = 0 }, function() return 200, nil, function() c.sleep(10) return 'x' end end))
  local s = assert(socket.connect('127.0.0.1', endless.port))
  s:send 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  assert(s:receive())
  assert(endless:stop(50))
  s:settimeout(10)
  assert(s:receive '*a')
end
-- Arguments that are wrong.
local function fails(text, f, ...)
  local ok, why = pcall(f, ...)
  assert(not ok and why:find(text, 1, true), why)
end
fails("bad argument #1 to 'serve' (option 'port': 0 (any) to 65535 expected, got nil)", http.serve, {}, hello)
fails("there is no option 'prot'", http.serve, { prot = 1 }, hello)
fails("option 'limits' has no 'x'", http.serve, { port = 0, limits = { x = 1 } }, hello)
fails("bad argument #2 to 'start' (handler", http.start, { port = 0 })
fails("is no URL such as http://host:port/path", http.get, 'localhost')
fails("the scheme is 'ftp'", http.get, 'ftp://localhost/')
fails("a request has no field 'hedaers'", http.request, { url = 'http://localhost', hedaers = {} })
fails("field 'x' has the end of a line in it", http.request, { url = 'http://127.0.0.1:' .. (function()
  one = assert(http.serve({ port = 0 }, hello))
  return one.port
end)(), headers = { x = 'a\r\nb: c' } })
assert(one:stop())
