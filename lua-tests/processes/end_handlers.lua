-- test: processes
-- test: stderr=cannot wait while the process ends
-- Handlers at an end may not wait, and have one budget: a process whose handlers wait or loop still ends.
local c = require 'concurrent'
local function closing(f) return setmetatable({}, { __close = f }) end
local function raises(f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and tostring(e):find('cannot wait while the process ends', 1, true), e)
end
local root = c.self()
local function waits() raises(c.receive) raises(c.sleep, 1) raises(c.receive, 5) end
local cases = {
  ['__gc'] = function() setmetatable({}, { __gc = waits }) end,
  ['__close, body returned'] = function() local _ <close> = closing(waits) end,
  ['__close, after exit'] = function() local _ <close> = closing(waits) c.exit('over') end,
  ['__close, after an error'] = function() local _ <close> = closing(waits) error({}, 0) end,
  ['uncaught in __close'] = function() local _ <close> = closing(function() c.receive() end) end,
  ['a receive that need not wait'] = function()
    c.send(c.self(), 'there')
    local _ <close> = closing(function() assert(c.receive(0) == 'there') end)
  end,
  ['__gc makes another'] = function()
    local function again()
      setmetatable({}, { __gc = function()
        again()
        for _ = 1, 100000 do end
        c.exit('once more')
      end })
    end
    again()
  end,
}
local names = {}
for name, body in pairs(cases) do names[c.spawnmonitor(body)] = name end
while next(names) do
  local m = c.receive(60000)
  assert(m, 'no DOWN of ' .. tostring(next(names) and names[next(names)]))
  names[m.from] = nil
end
