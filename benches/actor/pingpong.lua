-- Latency: two processes that answer each other with a small table.

local concurrent = require 'concurrent'
local n = tonumber(arg and arg[1]) or 200000

local function pong()
  while true do
    local message = concurrent.receive()
    if message.body == 'stop' then return end
    concurrent.send(message.from, { from = concurrent.self(), body = 'pong', number = message.number })
  end
end

local function ping(other, root)
  local self, sum = concurrent.self(), 0
  for i = 1, n do
    concurrent.send(other, { from = self, body = 'ping', number = i })
    sum = sum + concurrent.receive().number
  end
  concurrent.send(other, { body = 'stop' })
  concurrent.send(root, sum)
end

concurrent.spawn(ping, concurrent.spawn(pong), concurrent.self())
local sum = concurrent.receive()
concurrent.loop()
print(string.format('%d round trips, sum %d', n, sum))
