-- Two nodes: start this one, then ping.lua in another terminal (the same host, or another one).
--   rlua-actor run --host gaia=127.0.0.1 --host selene=127.0.0.1 examples/nodes/pong.lua
local concurrent = require 'concurrent'

local function pong()
  while true do
    local message = concurrent.receive()
    if message.body == 'finished' then break end
    print('pong received ' .. message.body)
    concurrent.send(message.from, { body = 'pong' })
  end
  print 'pong finished'
end

assert(concurrent.init 'pong@gaia')
concurrent.register('pong', concurrent.spawn(pong))
concurrent.loop()
concurrent.shutdown()
