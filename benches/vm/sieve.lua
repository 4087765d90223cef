-- Array stores: the sieve of Eratosthenes, several times.

local limit = tonumber(arg and arg[1]) or 2000000
local rounds = tonumber(arg and arg[2]) or 3

local function primes(max)
  local composite = {}
  for i = 1, max do composite[i] = false end
  local count = 0
  for i = 2, max do
    if not composite[i] then
      count = count + 1
      for j = i * i, max, i do composite[j] = true end
    end
  end
  return count
end

local count
for _ = 1, rounds do count = primes(limit) end
print(string.format('%d primes up to %d', count, limit))
