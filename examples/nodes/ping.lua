-- See pong.lua.
local concurrent = require 'concurrent'

local function ping(n)
  local pong = { 'pong', 'pong@gaia' }
  for _ = 1, n do
    assert(concurrent.send(pong, { from = concurrent.self(), body = 'ping' }))
    print('ping received ' .. concurrent.receive().body)
  end
  concurrent.send(pong, { from = concurrent.self(), body = 'finished' })
  print 'ping finished'
end

concurrent.spawn(ping, 3)
assert(concurrent.init 'ping@selene')
concurrent.loop()
concurrent.shutdown()
