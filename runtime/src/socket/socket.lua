-- `socket`: what LuaSocket's module of this name has besides its core: `bind` and `connect` by host and port, `try`, and sources and
-- sinks for LTN12 pumps.
local core = require 'socket.core'
local type, setmetatable, error, tostring, pairs, ipairs = type, setmetatable, error, tostring, pairs, ipairs
local min = math.min

local socket = { BLOCKSIZE = 2048 }
for name, v in pairs(core) do socket[name] = v end

function socket.connect4(address, port, laddress, lport) return core.connect(address, port, laddress, lport, 'inet') end
function socket.connect6(address, port, laddress, lport) return core.connect(address, port, laddress, lport, 'inet6') end

-- A socket that listens at the first address of a host that can be had.
function socket.bind(host, port, backlog)
  local found, why = { { family = 'inet', addr = '0.0.0.0' } }, 'no info on address'
  if host ~= '*' then
    found, why = core.dns.getaddrinfo(host)
    if not found then return nil, why end
  end
  for _, one in ipairs(found) do
    local server
    if one.family == 'inet' then server, why = core.tcp4() else server, why = core.tcp6() end
    if not server then return nil, why end
    server:setoption('reuseaddr', true)
    local ok
    ok, why = server:bind(one.addr, port)
    if ok then ok, why = server:listen(backlog) end
    if ok then return server end
    server:close()
  end
  return nil, why
end

socket.try = core.newtry()

-- A function that finds another by a name, 'default' if its first argument is none.
function socket.choose(known)
  return function(name, ...)
    if type(name) ~= 'string' then return known.default(name, ...) end
    local f = known[name]
    if not f then error('unknown key (' .. tostring(name) .. ')', 3) end
    return f(...)
  end
end

-- What pumps call, which `select` takes for its socket.
local function of(sock, call)
  local methods = { getfd = function() return sock:getfd() end, dirty = function() return sock:dirty() end }
  return setmetatable(methods, { __call = function(_, ...) return call(...) end })
end

socket.sinkt = {
  ['keep-open'] = function(sock)
    return of(sock, function(chunk)
      if not chunk then return 1 end
      return sock:send(chunk)
    end)
  end,
  ['close-when-done'] = function(sock)
    return of(sock, function(chunk)
      if chunk then return sock:send(chunk) end
      sock:close()
      return 1
    end)
  end,
}
socket.sinkt.default = socket.sinkt['keep-open']
socket.sink = socket.choose(socket.sinkt)

socket.sourcet = {
  ['by-length'] = function(sock, length)
    return of(sock, function()
      if length <= 0 then return nil end
      local chunk, why = sock:receive(min(socket.BLOCKSIZE, length))
      if why then return nil, why end
      length = length - #chunk
      return chunk
    end)
  end,
  ['until-closed'] = function(sock)
    local done
    return of(sock, function()
      if done then return nil end
      local chunk, why, part = sock:receive(socket.BLOCKSIZE)
      if chunk then return chunk end
      if why ~= 'closed' then return nil, why end
      sock:close()
      done = true
      return part
    end)
  end,
}
socket.sourcet.default = socket.sourcet['until-closed']
socket.source = socket.choose(socket.sourcet)

return socket
