-- Throughput: many senders, one receiver.

local concurrent = require 'concurrent'
local senders = tonumber(arg and arg[1]) or 100
local each = tonumber(arg and arg[2]) or 3000

local function sender(to)
  for i = 1, each do concurrent.send(to, i) end
end

local root = concurrent.self()
for _ = 1, senders do concurrent.spawn(sender, root) end
local sum = 0
for _ = 1, senders * each do sum = sum + concurrent.receive() end
concurrent.loop()
assert(sum == senders * (each * (each + 1) // 2))
print(string.format('%d messages, sum %d', senders * each, sum))
