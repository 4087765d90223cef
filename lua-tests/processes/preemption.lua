-- test: processes
-- Preemption: loops, deep calls, metamethods, library callbacks and coroutines starve nobody.
local concurrent = require 'concurrent'
local root = concurrent.self()

local spinners = {
  function() while true do end end,
  function() local function f() return f() end f() end,
  function() for _ = 1, math.huge do end end,
  function() local t = setmetatable({}, { __index = function(_, k) return k end }); while true do local _ = t.x end end,
  function() while true do pcall(error, 'x') end end,
  function()
    while true do
      local co = coroutine.wrap(function() for i = 1, 10 do coroutine.yield(i) end end)
      for _ = 1, 10 do co() end
    end
  end,
  function() while true do table.sort({ 3, 1, 2 }, function(a, b) return a < b end) end end,
  function() while true do local _ = ('abc'):gsub('.', function(c) return c .. c end) end end,
  function() load(function() return ' ' end) end,
  function()
    local t = setmetatable({}, { __index = function(t, k) return t[k - 1] + t[k - 1] end })
    t[0] = 1
    return t[200]
  end,
  function() ::top:: goto top end,
  function() repeat until false end,
}
local pids = {}
for i, f in ipairs(spinners) do pids[i] = concurrent.spawnmonitor(f) end

concurrent.spawn(function()
  for i = 1, 20 do concurrent.send(root, i) end
end)
for i = 1, 20 do assert(concurrent.receive() == i) end

for _, p in ipairs(pids) do assert(concurrent.isprocessalive(p)) end
for _, p in ipairs(pids) do assert(concurrent.kill(p) == true) end
for _ = 1, #pids do
  local m = concurrent.receive()
  assert(m.signal == 'DOWN' and m.reason == 'killed')
end
assert(concurrent.loop() == true)
