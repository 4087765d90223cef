-- A long computation that survives being killed: it writes itself down now and then, and goes on from there.
--
--   rlua-actor run examples/checkpoint/primes.lua 200000       press Ctrl-C, or kill -9 it, whenever you like
--   rlua-actor resume primes.checkpoint                        goes on where it was last written down
local concurrent = require 'concurrent'
local limit, path = tonumber((...)) or 200000, select(2, ...) or 'primes.checkpoint'

local primes, every = {}, limit // 10
for n = 2, limit do
  local is_prime = true
  for _, p in ipairs(primes) do
    if p * p > n then break end
    if n % p == 0 then is_prime = false break end
  end
  if is_prime then primes[#primes + 1] = n end
  if n % every == 0 then
    local said = path ~= 'none' and concurrent.checkpoint(path)
    print(n, #primes, said == 'resumed' and 'goes on from here' or '')
  end
end
print('primes below', limit, #primes)
