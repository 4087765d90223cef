-- A map that computes every element in a process of its own, on all cores, and keeps their order.
-- Run it with: rlua-actor run examples/parallel_map.lua

local concurrent = require 'concurrent'

local function parallel_map(list, f)
  local me = concurrent.self()
  for i, value in ipairs(list) do
    concurrent.spawn(function() concurrent.send(me, { index = i, result = f(value) }) end)
  end
  local results = {}
  for _ = 1, #list do
    local msg = concurrent.receive()
    results[msg.index] = msg.result
  end
  return results
end

local function count_primes(limit)
  local n = 0
  for i = 2, limit do
    local prime = true
    for d = 2, math.floor(math.sqrt(i)) do
      if i % d == 0 then prime = false; break end
    end
    if prime then n = n + 1 end
  end
  return n
end

local limits = { 10, 100, 500, 1000 }
local counts = parallel_map(limits, count_primes)
for i, limit in ipairs(limits) do
  print('primes up to ' .. limit, counts[i])
end
