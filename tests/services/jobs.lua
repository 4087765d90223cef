-- A client of examples/services/jobs.lua that checks its promises while parts of it are killed: each job has its result, and the
-- right one. Arguments: a seed, how many parts are killed. 'restart NODE' on standard output has the test do that, by kill -9.
local concurrent = require 'concurrent'
local jobs = require 'jobs'
local seed, kills = ...
math.randomseed(tonumber(seed))
assert(concurrent.init 'client@localhost')
jobs.connect 'q@localhost'

local MOST = 20000
-- How many primes are below each number.
local below, is_prime = { [0] = 0, 0, 0 }, {}
for n = 2, MOST do is_prime[n] = true end
for n = 2, MOST do
  if is_prime[n] then
    for m = n * n, MOST, n do is_prime[m] = false end
  end
  below[n + 1] = below[n] + (is_prime[n] and 1 or 0)
end

local expected = {}
local function add()
  local n = math.random(MOST // 2, MOST)
  -- The answer may be lost with the queue: then there is a job that nobody asks about.
  expected[jobs.add(n)] = below[n]
end
for _ = 1, 4 do add() end
for _ = 1, tonumber(kills) do
  local what = math.random(4)
  if what == 1 then
    print 'restart q'
  elseif what == 2 then
    local pid = concurrent.whereis 'queue'
    if pid then concurrent.kill(pid) end
  else
    print('restart w' .. what - 2)
  end
  add()
  concurrent.sleep(math.random(100))
end
local n = 0
for id, result in pairs(expected) do
  local got = jobs.result(id)
  assert(got == result, ('job %d: %s, and %d are right'):format(id, got, result))
  n = n + 1
end
assert(n == 4 + tonumber(kills))
print 'all is well'
os.exit(0)
