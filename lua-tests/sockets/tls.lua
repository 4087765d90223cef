-- test: processes
-- TLS by LuaSec's names, over loopback. The certificates are of sockets/certificates, which are made by the script there.
local c = require 'concurrent'
local socket, ssl = require 'socket', require 'ssl'
local me = c.self()
local function file(name) return 'sockets/certificates/' .. name end
local function contains(text, part) assert(tostring(text):find(part, 1, true), ('%q is not in %q'):format(part, tostring(text))) end

local SERVER = { mode = 'server', protocol = 'any', certificate = file 'server.pem', key = file 'server.key' }
local listener = assert(socket.bind('127.0.0.1', 0))
local host, port = listener:getsockname()

-- Serves one connection in a process of its own: `serve(connection)` after the handshake; what came of that is a message to here.
local function accept(params, serve)
  c.spawn(function(at)
    local plain = assert(at:accept())
    local connection = assert(ssl.wrap(plain, params))
    assert(plain:getfd() == -1 and select(2, plain:send 'x') == 'closed')
    connection:settimeout(20)
    local ok, why = connection:dohandshake()
    if ok then serve(connection) end
    connection:close()
    c.send(me, { handshake = ok, why = why })
  end, listener)
end
-- A client's connection after the handshake; or nil and why.
local function connect(params, name, to)
  local s = assert(socket.connect(to or host, port))
  local connection, why = ssl.wrap(s, params)
  if not connection then return nil, why end
  connection:settimeout(20)
  if name then assert(connection:sni(name)) end
  local ok, why = connection:dohandshake()
  if ok then return connection end
  connection:close()
  return nil, why
end
local function outcome() return c.receive(20000, function(m) return type(m) == 'table' and m.handshake ~= nil end) end

local function echo(connection)
  for line in function() return connection:receive() end do
    if line == 'end' then return end
    connection:send(line .. '\n')
  end
end
local CLIENT = { mode = 'client', cafile = file 'ca.pem' }

do -- The patterns of receive, and what is told of a connection.
  accept(SERVER, echo)
  local s = assert(connect(CLIENT, 'localhost'))
  assert(tostring(s):find '^SSL:Connection: 0x' and s:getfd() >= 0)
  assert(s:send 'one\r\ntwo\nthree\n' == 15)
  assert(s:receive() == 'one' and s:receive '*l' == 'two' and s:receive(3) == 'thr' and s:receive(3, 'x') == 'xee')
  assert(s:receive(1) == '\n')
  assert(s:info().protocol == 'TLSv1.3' and s:info 'protocol' == 'TLSv1.3' and s:info 'cipher':find '^TLS_')
  assert(s:getpeerverification() == true and s:getalpn() == nil and s:want() == 'nothing')
  assert(s:getpeername() == host and select(2, s:getpeername()) == port)
  local received, sent = s:getstats()
  assert(received == 14 and sent == 15)
  -- A limit of time, as LuaSec says it.
  s:settimeout(0)
  assert(select(2, s:receive()) == 'wantread')
  s:settimeout(0.02)
  assert(select(2, s:receive()) == 'wantread')
  s:settimeout(20)
  s:send 'end\n'
  -- The end is announced.
  assert(select(2, s:receive()) == 'closed')
  s:close()
  assert(select(2, s:send 'x') == 'closed' and select(2, s:receive()) == 'closed')
  assert(outcome().handshake == true)
end
do -- More than lies in the system, both ways, in pieces of any size.
  local text = ('0123456789abcdef'):rep(1 << 14)
  accept(SERVER, function(s)
    local all = assert(s:receive(#text))
    for i = 1, #all, 50000 do assert(s:send(all, i, math.min(i + 49999, #all))) end
  end)
  local s = assert(connect(CLIENT, 'www.example.test'))
  assert(s:send(text) == #text)
  assert(s:receive '*a' == text)
  s:close()
  assert(outcome().handshake)
end
do -- Versions of the protocol, names, ALPN, and a context that is used again, here and in other processes.
  local server = assert(ssl.newcontext { mode = 'server', certificate = file 'server.pem', key = file 'server.key', alpn = { 'x', 'y' } })
  local client = assert(ssl.newcontext { mode = 'client', protocol = 'tlsv1_2', cafile = file 'ca.pem', alpn = 'y' })
  for _ = 1, 2 do
    accept(server, function(s) s:send(s:getsniname() .. ' ' .. s:getalpn() .. ' ' .. s:info 'protocol' .. '\n') end)
    local s = assert(connect(client, 'localhost'))
    assert(s:receive() == 'localhost y TLSv1.2')
    s:close()
    outcome()
  end
end
do -- The name by which it was connected is whom it means; an address may be, too.
  for _, to in ipairs { 'localhost', '127.0.0.1' } do
    accept(SERVER, function(s) s:send((s:getsniname() or 'an address') .. '\n') end)
    local s = assert(connect(CLIENT, nil, to))
    assert(s:receive() == (to == 'localhost' and to or 'an address'))
    s:close()
    outcome()
  end
end

-- Certificates that do not fit: what, where, and what to do.
local function refused(server, client, name, ...)
  accept(server, function(s) s:receive() end)
  local s, why = connect(client, name)
  assert(s == nil)
  for _, part in ipairs { ... } do contains(why, part) end
  return outcome()
end
local place = ("(127.0.0.1 port %d)"):format(port)
local m = refused(SERVER, { mode = 'client', cafile = file 'stranger.pem' }, 'localhost', 'certificate verify failed: ',
  "'localhost' " .. place, "from an authority that is not trusted here: name the authority's certificate as 'cafile'")
assert(m.handshake == false)
contains(m.why, 'does not believe the certificate of this side')
refused(SERVER, CLIENT, 'elsewhere.test', 'certificate verify failed: ', 'is for ', 'localhost', "and not for 'elsewhere.test'", 'sni(name)')
refused({ mode = 'server', certificate = file 'expired.pem', key = file 'server.key' }, CLIENT, 'localhost', 'certificate verify failed: ', 'has expired')
refused({ mode = 'server', protocol = 'tlsv1_3', certificate = file 'server.pem', key = file 'server.key' },
  { mode = 'client', protocol = 'tlsv1_2', cafile = file 'ca.pem' }, 'localhost', 'version')
do -- Nobody is asked, if that is said.
  accept(SERVER, function(s) s:send 'hello\n' end)
  local s = assert(connect({ mode = 'client', verify = 'none' }, 'elsewhere.test'))
  assert(s:receive() == 'hello')
  s:close()
  outcome()
end
do -- A server that asks for certificates.
  local asks = { mode = 'server', certificate = file 'server.pem', key = file 'server.key', cafile = file 'ca.pem', verify = { 'peer', 'fail_if_no_peer_cert' } }
  local shows = { mode = 'client', cafile = file 'ca.pem', certificate = file 'client.pem', key = file 'client.key' }
  accept(asks, function(s) s:send 'hello\n' end)
  local s = assert(connect(shows, 'localhost'))
  assert(s:receive() == 'hello')
  s:close()
  outcome()
  accept(asks, function(s) s:send 'hello\n' end)
  local s = connect(CLIENT, 'localhost')
  local line, why = s:receive()
  assert(line == nil)
  contains(why, "it demands a certificate")
  s:close()
  contains(outcome().why, "has shown none, and 'verify' demands one")
end
do -- What speaks no TLS, and what ends in the middle.
  c.spawn(function(at)
    local s = at:accept()
    s:send 'HTTP/1.1 400 Bad Request\r\n\r\n'
    s:receive(1)
    s:close()
  end, listener)
  local s, why = connect(CLIENT, 'localhost')
  assert(s == nil)
  contains(why, 'does not speak TLS')
  c.spawn(function(at)
    local s = at:accept()
    s:receive(1)
    s:shutdown()
    s:close()
  end, listener)
  local s, why = connect(CLIENT, 'localhost')
  assert(s == nil)
  -- A connection that is cut has not ended.
  local child = c.spawn(function(at)
    local s = assert(ssl.wrap(assert(at:accept()), SERVER))
    assert(s:dohandshake())
    s:send 'part\n'
    c.receive()
  end, listener)
  local s = assert(connect(CLIENT, 'localhost'))
  assert(s:receive() == 'part')
  c.kill(child)
  local all, why, part = s:receive '*a'
  assert(all == nil and why == 'unexpected eof while reading' and part == '', why)
  s:close()
end
do -- What a peer has shown; and whom to believe by a folder, in which there are other files, too.
  local text = assert(io.open(file 'server.pem')):read 'a'
  accept(SERVER, function(s)
    assert(s:getpeercertificate() == nil and #s:getpeerchain() == 0)
    echo(s)
  end)
  local s = assert(connect({ mode = 'client', capath = 'sockets/certificates' }, 'localhost'))
  local shown = s:getpeercertificate()
  assert(shown:pem() == text and #s:getpeerchain() == 1 and s:getpeerchain()[1]:pem() == text)
  assert(shown:digest() == '1e69844dda1ab894c5c45cc9fe9d0436686d8fd4' and shown:digest 'sha1' == shown:digest())
  assert(shown:digest 'sha256' == '5948930372bd7fe11c708f5208fd4f2c7196317a47a1cd8cd5d58c1d3b5ff6db' and #shown:digest 'sha384' == 96 and #shown:digest 'sha512' == 128)
  local none, why = shown:digest 'md5'
  assert(none == nil)
  contains(why, 'digest algorithm not supported (md5)')
  assert(s:getpeercertificate(2) == nil and not pcall(s.getpeercertificate, s, 0) and not pcall(shown.pem, {}))
  s:send 'end\n'
  s:close()
  assert(shown:pem() == text)
  outcome()
end
do -- A server with several certificates, by whom clients mean.
  local other = assert(ssl.newcontext { mode = 'server', certificate = file 'other.pem', key = file 'other.key' })
  local function serve(strict)
    c.spawn(function(at)
      local connection = assert(ssl.wrap(assert(at:accept()), SERVER))
      connection:settimeout(20)
      assert(connection:sni({ ['Other.test'] = other }, strict))
      local ok, why = connection:dohandshake()
      connection:close()
      c.send(me, { handshake = ok, why = why })
    end, listener)
  end
  for name, sha256 in pairs { ['other.test'] = '9812993226977e468af00e821062c1129cca186c51e50417ff169a864bbd2df3', localhost = '5948930372bd7fe11c708f5208fd4f2c7196317a47a1cd8cd5d58c1d3b5ff6db' } do
    serve(false)
    local s = assert(connect(CLIENT, name))
    assert(s:getpeercertificate():digest 'sha256' == sha256, name)
    s:close()
    assert(outcome().handshake)
  end
  serve(true)
  local s, why = connect(CLIENT, 'localhost')
  assert(s == nil and outcome().handshake == false)
  -- Not of clients, nor with what is no context.
  local plain = assert(socket.connect(host, port))
  local client = assert(ssl.wrap(plain, CLIENT))
  local ok, why = client:sni { ['other.test'] = other }
  assert(ok == nil)
  contains(why, 'are for servers')
  assert(not pcall(client.sni, client, { other }) and not pcall(client.sni, client, { a = 5 }))
  contains(select(2, pcall(client.sni, client, { a = assert(ssl.newcontext(CLIENT)) })), "the context of 'a' is none of a server")
  client:close()
  listener:accept():close()
end
do -- A process that waits in a handshake disturbs nobody, and has a limit of time.
  local s = assert(socket.connect(host, port))
  local other = assert(listener:accept())
  local connection = assert(ssl.wrap(s, CLIENT))
  connection:settimeout(0.02)
  local ok, why = connection:dohandshake()
  assert(ok == false and why == 'wantread' and connection:want() == 'read')
  assert(select(2, connection:send 'x') == 'closed' and select(2, connection:sni 'late'):find 'handshake has begun')
  connection:close()
  other:close()
end
do -- It is handed over as others are, with what has come; and stays its process's otherwise.
  accept(SERVER, echo)
  local s = assert(connect(CLIENT, 'localhost'))
  s:send 'one\ntwo\n'
  assert(s:receive() == 'one')
  local ok, why = pcall(c.send, me, s)
  assert(not ok)
  contains(why, 'a socket')
  c.spawn(function(s)
    local can, why = c.migratable()
    assert(can == false)
    contains(why, "local 's' holds an open socket")
    assert(s:receive() == 'two')
    s:send 'three\n'
    assert(s:receive() == 'three')
    s:send 'end\n'
    s:close()
    c.send(me, 'done')
  end, s)
  assert(s:getfd() == -1)
  assert(c.receive(20000, function(m) return m == 'done' end))
  outcome()
end

-- Parameters that do not fit.
local function bad(params, part)
  local context, why = ssl.newcontext(params)
  assert(context == nil)
  contains(why, part)
end
bad({}, "'client' or 'server' expected")
bad({ mode = 'client', protocol = 'sslv3' }, 'invalid protocol (sslv3)')
bad({ mode = 'client', verify = 'maybe' }, 'invalid verify option (maybe)')
bad({ mode = 'client', capath = 'sockets/absent' }, "error loading CA locations ('sockets/absent'): No such file or directory")
bad({ mode = 'client', capath = 'modules' }, "error loading CA locations ('modules'): no certificate in it can be used")
bad({ mode = 'client', depth = 3 }, "'depth' is not done by this program")
bad({ mode = 'client', colour = 1 }, "no parameter 'colour'")
bad({ mode = 'server' }, "needs 'certificate' and 'key'")
bad({ mode = 'server', certificate = file 'server.pem' }, "there is no key for certificate 'sockets/certificates/server.pem'")
bad({ mode = 'server', certificate = file 'server.pem', key = file 'other.key' }, "key 'sockets/certificates/other.key' is not that of certificate")
bad({ mode = 'server', certificate = file 'server.pem', key = file 'server.pem' }, "error loading private key 'sockets/certificates/server.pem'")
bad({ mode = 'server', certificate = file 'absent.pem', key = file 'server.key' }, "error loading certificate 'sockets/certificates/absent.pem': No such file or directory")
bad({ mode = 'client', cafile = file 'make.sh' }, 'there is none in it')
bad({ mode = 'client', options = { 'no_tlsv1_2', 'no_tlsv1_3' } }, 'leaves no protocol')
local s = assert(socket.connect(host, port))
local ok, why = pcall(ssl.wrap, s, setmetatable({ id = 'x' }, getmetatable(assert(ssl.newcontext(CLIENT)))))
assert(ok and why == nil)
s:close()
