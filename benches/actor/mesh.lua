-- mesh: one node of a full network. arg: its name, the node that it joins ('' for the first), nodes in all, names of each.
-- Prints 'joined SECONDS' once it is connected with all, 'agreed SECONDS SUM' once it knows all names; SUM is the same at
-- every node that sees the same processes under them. Ends when its input does.
local concurrent = require 'concurrent'
local time = require 'concurrent.time'
local name, first, nodes, names = arg[1], arg[2], arg[3] + 0, arg[4] + 0
local begun = time.time()
local function seconds() return ('%.2f'):format((time.time() - begun) / 1000) end
local function until_true(condition) while not condition() do concurrent.sleep(100) end end

concurrent.setoption('registertimeout', 60000)
assert(concurrent.init(name))
if first ~= '' then until_true(function() return concurrent.isnodealive(first) end) end
until_true(function() return #concurrent.nodes() == nodes - 1 end)
print('joined ' .. seconds())

for i = 1, names do
  local p = concurrent.spawn(function() concurrent.receive() end)
  assert(concurrent.register(name .. ' ' .. i, p))
end
until_true(function() return #concurrent.registered() == nodes * names end)
local sum = 0
for _, registered in ipairs(concurrent.registered()) do
  for _, byte in ipairs { (registered .. tostring(concurrent.whereis(registered))):byte(1, -1) } do
    sum = (sum * 31 + byte) % 0x7fffffff
  end
end
print('agreed ' .. seconds() .. ' ' .. sum)
io.read 'a'
concurrent.shutdown()
os.exit()
