-- A server with a process for each connection, and a client. (As a service of its own: a port that is known, and a supervisor.)
local concurrent = require 'concurrent'
local socket = require 'socket'

local server = assert(socket.bind('127.0.0.1', 0))
local host, port = server:getsockname()

-- Runs in a process of its own, to which the connection was handed over; it is closed when that ends.
local function serve(client)
  client:settimeout(60)
  local n = 0
  for line in function() return client:receive() end do
    n = n + 1
    client:send(n .. ': ' .. line:upper() .. '\n')
  end
end
concurrent.spawn(function(server)
  while true do
    concurrent.spawn(serve, assert(server:accept()))
  end
end, server)

local client <close> = assert(socket.connect(host, port))
for _, word in ipairs { 'hello', 'good bye' } do
  client:send(word .. '\n')
  print((client:receive()))
end
