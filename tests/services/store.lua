-- A client of examples/services/store.lua that checks its promises while parts of it are killed: what was written is read, always.
-- Arguments: a seed, how many parts are killed. 'restart NODE' on standard output has the test do that, by kill -9.
local concurrent = require 'concurrent'
local group = require 'concurrent.group'
local store = require 'store'
local seed, kills = ...
math.randomseed(tonumber(seed))
assert(concurrent.init 'client@localhost')
local NODES = { 'a', 'b' }
for _, node in ipairs(NODES) do store.connect(node .. '@localhost') end

-- Waits until each node has a replica that has all.
local function healed()
  while true do
    local pids, n = group.members 'store' or {}, 0
    for _, pid in ipairs(pids) do
      if concurrent.call(pid, { 'get', 'any' }, 5000) then n = n + 1 end
    end
    if n == #NODES then return pids end
    concurrent.sleep(10)
  end
end
local main = concurrent.self()
local function kill_parts(n)
  for _ = 1, n do
    local pids = healed()
    if math.random(3) == 1 then
      local before = {}
      for _, pid in ipairs(pids) do before[pid] = true end
      print('restart ' .. NODES[math.random(#NODES)])
      -- It is over when there is a new one.
      repeat
        concurrent.sleep(10)
        local is_new = false
        for _, pid in ipairs(group.members 'store' or {}) do is_new = is_new or not before[pid] end
      until is_new
    else
      concurrent.kill(pids[math.random(#pids)])
    end
  end
  healed()
  concurrent.send(main, 'over')
end

healed()
concurrent.spawn(kill_parts, tonumber(kills))
local written, n = {}, 0
repeat
  n = n + 1
  local key = 'key ' .. math.random(20)
  assert(store.put(key, n))
  written[key] = n
  key = 'key ' .. math.random(20)
  local value, why = store.get(key)
  assert(value == written[key], ('%s is %s, and %s was written: %s'):format(key, value, written[key], why))
until concurrent.receive(0) == 'over'
-- Each replica has all of it.
for _, pid in ipairs(healed()) do
  local data = assert(concurrent.call(pid, 'all'))
  for key, value in pairs(written) do assert(data[key].value == value, key) end
end
assert(n > 20)
print 'all is well'
os.exit(0)
