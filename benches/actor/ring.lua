-- Many processes that wait: a token goes round a ring of them.

local concurrent = require 'concurrent'
local size = tonumber(arg and arg[1]) or 1000
local rounds = tonumber(arg and arg[2]) or 200

local function member(next)
  while true do
    local token = concurrent.receive()
    concurrent.send(next, token)
    if token <= size then return end
  end
end

-- The root closes the ring: it gets the token from the first member made, and gives it to the last.
local next = concurrent.self()
for _ = 1, size do next = concurrent.spawn(member, next) end
local token = rounds * size
while token > 0 do
  concurrent.send(next, token)
  token = concurrent.receive() - size
end
concurrent.loop()
print(string.format('%d members, %d hops, %d left', size, rounds * size, token))
