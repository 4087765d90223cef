-- A client of examples/services/chat.lua that checks its promises while parts of it are killed: each line that was said is heard by
-- all who listen, once, and those of each speaker in order. Arguments: a seed, how many parts are killed. 'restart NODE' on standard
-- output has the test do that, by kill -9.
local concurrent = require 'concurrent'
local group = require 'concurrent.group'
local chat = require 'chat'
local seed, kills = ...
math.randomseed(tonumber(seed))
assert(concurrent.init 'client@localhost')
local NODES = { 'a', 'b' }
for _, node in ipairs(NODES) do chat.connect(node .. '@localhost') end

local function healed()
  while true do
    local pids, n = group.members 'hubs' or {}, 0
    for _, pid in ipairs(pids) do
      if concurrent.call(pid, 'all', 5000) then n = n + 1 end
    end
    if n == #NODES then return pids end
    concurrent.sleep(10)
  end
end
local main = concurrent.self()
healed()

local SPEAKERS, LISTENERS, LINES = { 'ann', 'bob' }, 2, 20
for i = 1, LISTENERS do
  concurrent.spawn(function()
    local heard, left = {}, #SPEAKERS * LINES
    for _, who in ipairs(SPEAKERS) do heard[who] = 0 end
    chat.listen(function(line)
      assert(line.n == heard[line.who] + 1 and line.text == line.who .. ' says ' .. line.n, 'a line is missing, or out of order')
      heard[line.who] = line.n
      left = left - 1
      if left == 0 then concurrent.send(main, 'heard all') end
    end)
  end)
end
for _, who in ipairs(SPEAKERS) do
  concurrent.spawn(function()
    local say = chat.speaker(who)
    for n = 1, LINES do
      say(who .. ' says ' .. n)
      concurrent.sleep(math.random(60))
    end
    concurrent.send(main, 'said all')
  end)
end
for _ = 1, tonumber(kills) do
  local pids = healed()
  if math.random(3) == 1 then
    local before = {}
    for _, pid in ipairs(pids) do before[pid] = true end
    print('restart ' .. NODES[math.random(#NODES)])
    repeat
      concurrent.sleep(10)
      local is_new = false
      for _, pid in ipairs(group.members 'hubs' or {}) do is_new = is_new or not before[pid] end
    until is_new
  else
    concurrent.kill(pids[math.random(#pids)])
  end
end
for _ = 1, #SPEAKERS + LISTENERS do
  assert(concurrent.receive(60000, function(m) return m == 'said all' or m == 'heard all' end), 'something was not said, or not heard')
end
print 'all is well'
os.exit(0)
