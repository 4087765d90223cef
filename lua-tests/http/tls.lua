-- test: processes
-- https: the server over TLS and the client, whose certificates are checked. They are of sockets/certificates.
local c = require 'concurrent'
local socket, http = require 'socket', require 'concurrent.http'
local function file(name) return 'sockets/certificates/' .. name end
local function contains(text, part) assert(tostring(text):find(part, 1, true), ('%q is not in %q'):format(part, tostring(text))) end

local function handler(request)
  if request.path == '/echo' then return 200, nil, request:body() end
  if request.path == '/pieces' then
    local i = 0
    return 200, nil, function()
      i = i + 1
      return i <= 3 and ('piece %d;'):format(i) or nil
    end
  end
  return 200, { ['x-authorization'] = request.headers.authorization or 'none' }, 'secret'
end
local server = assert(http.serve({ port = 0, timeouts = { head = 20000 }, tls = { certificate = file 'server.pem', key = file 'server.key' } }, handler))
local url = 'https://localhost:' .. server.port
local ca = file 'ca.pem'

assert(assert(http.get(url, { cafile = ca })).body == 'secret')
assert(assert(http.request { url = url .. '/echo', method = 'POST', body = ('x'):rep(300000), cafile = ca }).body == ('x'):rep(300000))
assert(assert(http.get('https://127.0.0.1:' .. server.port .. '/pieces', { cafile = ca })).body == 'piece 1;piece 2;piece 3;')
do -- Over one connection.
  local before = server:info().accepted
  local session <close> = http.connect(url, { cafile = ca })
  for i = 1, 3 do assert(session:request({ target = '/echo', method = 'POST', body = 'n' .. i }).body == 'n' .. i) end
  assert(server:info().accepted == before + 1)
end
-- A certificate that does not fit: what, where, and what to do.
local r, why, reason = http.get(url, { cafile = file 'stranger.pem' })
assert(r == nil and reason == 'tls')
contains(why, 'no encrypted connection to https://localhost:' .. server.port)
contains(why, 'certificate verify failed: ')
contains(why, "name the authority's certificate as 'cafile'")
assert(assert(http.get(url, { verify = 'none' })).body == 'secret')
local r, why, reason = http.get(url, { cafile = file 'absent.pem' })
assert(r == nil and reason == 'tls')
contains(why, "'sockets/certificates/absent.pem': No such file")
-- Without TLS where it is spoken, and the other way.
local r, why, reason = http.get('http://localhost:' .. server.port, { timeout = 20000 })
assert(r == nil)
local plain = assert(http.serve({ port = 0 }, function() return 302, { location = url } end))
local r, why, reason = http.get('https://localhost:' .. plain.port, { cafile = ca })
assert(r == nil and reason == 'tls')
contains(why, 'does not speak TLS')
-- What was meant for one is not told to another.
local r = assert(http.get('http://localhost:' .. plain.port, { cafile = ca, headers = { authorization = 'mine' } }))
assert(r.body == 'secret' and r.headers['x-authorization'] == 'none')
plain:stop()
-- A client that says nothing, in the middle of the handshake, does not hold up a stop.
local silent = assert(socket.connect('127.0.0.1', server.port))
assert(server:stop())
assert(select(2, silent:receive()) == 'closed')
-- A server whose files do not fit says so.
local s, why, reason = http.serve({ port = 0, tls = { certificate = file 'server.pem', key = file 'other.key' } }, handler)
assert(s == nil and reason == 'tls')
contains(why, "option 'tls': error loading private key: key 'sockets/certificates/other.key' is not that of certificate 'sockets/certificates/server.pem'")
