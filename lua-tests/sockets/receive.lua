-- test: processes
-- The patterns of `receive`, what has come when it fails, and `send`.
local c = require 'concurrent'
local socket = require 'socket'

local server = assert(socket.bind('127.0.0.1', 0))
local host, port = server:getsockname()
-- Both ends of a connection.
local function pair()
  local a = assert(socket.connect(host, port))
  return a, assert(server:accept())
end
local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find(text, 1, true), message)
end
local function same(expected, ...)
  local n, got = select('#', ...), { ... }
  assert(n == #expected or n == expected.n, n)
  for i = 1, expected.n or #expected do assert(got[i] == expected[i], i .. ': ' .. tostring(got[i])) end
end

do -- Lines: neither their ends nor carriage returns.
  local a, b = pair()
  assert(a:send 'one\r\n\r\nt\rwo\nrest' == 16)
  same({ 'one', nil, nil, n = 3 }, b:receive())
  same({ '', nil, nil, n = 3 }, b:receive '*l')
  assert(b:dirty() and not a:dirty())
  same({ 'before two', nil, nil, n = 3 }, b:receive('l', 'before '))
  b:settimeout(0)
  same({ nil, 'timeout', 'rest', n = 3 }, b:receive())
  assert(not b:dirty())
  a:close()
  b:settimeout()
  same({ nil, 'closed', 'rest', n = 3 }, b:receive('*l', 'rest'))
  same({ nil, 'closed', '', n = 3 }, b:receive())
  assert(b:close() == 1 and b:close() == 1)
  same({ nil, 'closed', '', n = 3 }, b:receive())
  same({ nil, 'closed', 0, n = 3 }, b:send 'x')
end
do -- Numbers, of which the prefix is part.
  local a, b = pair()
  a:send 'abcdefgh'
  same({ 'ab', nil, nil, n = 3 }, b:receive(2))
  same({ 'xxcd', nil, nil, n = 3 }, b:receive(4, 'xx'))
  same({ 'long enough', nil, nil, n = 3 }, b:receive(3, 'long enough'))
  same({ '', nil, nil, n = 3 }, b:receive(0))
  same({ 'e', nil, nil, n = 3 }, b:receive '1')
  b:settimeout(0.01)
  same({ nil, 'timeout', 'fgh', n = 3 }, b:receive(100))
  same({ nil, 'timeout', '', n = 3 }, b:receive(0))
  a:send 'last'
  a:shutdown 'send'
  same({ nil, 'closed', 'last', n = 3 }, b:receive(1e9))
  fails('invalid receive pattern', b.receive, b, -1)
  fails('invalid receive pattern', b.receive, b, '*n')
  fails('invalid receive pattern', b.receive, b, 0 / 0)
  -- One direction is open still.
  assert(b:send 'answer\n')
  assert(a:receive() == 'answer')
  a:close() b:close()
end
do -- All, however much it is.
  local a, b = pair()
  local long = ('0123456789abcdef'):rep(1 << 13)
  local writer = c.spawn(function(s, text)
    assert(s:send(text) == #text)
    assert(s:send(text, 11, -7) == #text - 6)
    assert(s:send(text, 5, 4) == 4)
    s:close()
  end, a, long)
  local all, why = b:receive('*a', 'first ')
  assert(all == 'first ' .. long .. long:sub(11, -7) and why == nil)
  local received, sent, age = b:getstats()
  assert(received == #all - 6 and sent == 0 and age >= 0)
  same({ nil, 'closed', 'again', n = 3 }, b:receive('*a', 'again'))
  assert(b:setstats(1, 2, 1000) == 1)
  received, sent, age = b:getstats()
  assert(received == 1 and sent == 2 and age >= 1000 and age < 2000)
  b:close()
end
do -- A long line with carriage returns, and what follows it.
  local a, b = pair()
  local part = ('x'):rep(70000)
  c.spawn(function(s) s:send(part .. '\r' .. part .. '\r\nnext\n' .. part .. '\r') s:close() end, a)
  assert(b:receive '*l' == part .. part)
  assert(b:receive '*l' == 'next')
  local line, why, rest = b:receive('*l', '>')
  assert(line == nil and why == 'closed' and rest == '>' .. part)
  b:close()
end
do -- A peer that does not read.
  local a, b = pair()
  a:settimeout(0.05)
  assert(a:setoption('send-buffer-size', 8192) and b:setoption('recv-buffer-size', 8192))
  local long = ('y'):rep(1 << 20)
  local sent, why, last = a:send(long)
  assert(sent == nil and why == 'timeout' and last > 0 and last < #long)
  b:settimeout(5)
  assert(b:receive(last) == long:sub(1, last))
  a:close() b:close()
end
do -- Which class a method is for.
  local master, client = assert(socket.tcp()), (pair())
  fails("calling 'accept' on bad self (tcp{server} expected)", function() client:accept() end)
  fails('tcp{client} expected', function() master:send 'x' end)
  fails('tcp{master} expected', function() server:listen() end)
  fails('tcp{any} expected', function() master.close(io.stdout) end)
  fails('tcp{client} expected', client.send)
  assert(tostring(master):find '^tcp{master}: 0x' and tostring(client):find '^tcp{client}: ' and tostring(server):find '^tcp{server}: ')
  assert(master.class == 'tcp{master}' and client.class == 'tcp{client}' and server.class == 'tcp{server}')
  fails('string expected', client.send, client)
  assert(master:getfd() == -1 and server:getfd() > 2)
  assert(master:getfamily() == 'inet4' and client:getfamily() == 'inet4')
  same({ '127.0.0.1', port, 'inet' }, client:getpeername())
  same({ nil, 'Transport endpoint is not connected' }, server:getpeername())
  client:close()
  same({ nil, 'Bad file descriptor' }, client:getpeername())
  assert(client:getfd() == -1)
end
