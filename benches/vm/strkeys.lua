-- strkeys: string keys made at run time: counted words, tables of counters, lookups that miss. arg[1] = rounds.
local N = (arg and arg[1] or 500000) + 0

local count, seen, hits = {}, {}, 0
local seed = 7
local function rnd(n)
  seed = (seed * 16807) % 2147483647
  return seed % n
end
for i = 1, N do
  local key = "k" .. rnd(5000)
  count[key] = (count[key] or 0) + 1
  local pair = rnd(100) .. ":" .. rnd(100)
  if seen[pair] then hits = hits + 1 else seen[pair] = i end
  if count["missing" .. i % 1000] then hits = hits + 1 end
end
local text = ("the quick brown fox jumps over the lazy dog while seven wizards quietly box "):rep(N // 2000)
local words = {}
for word in text:gmatch("%a+") do words[word] = (words[word] or 0) + 1 end
local sum = hits
for i = 0, 4999 do sum = (sum * 31 + (count["k" .. i] or 0)) % 1000003 end
print("strkeys", N, sum, words.the, words.wizards)
