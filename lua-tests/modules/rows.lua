-- Rows of the conformance tables of spec/behaviours.md: each prints its name when it has held, and leaves neither a message nor
-- a process behind.
local concurrent = require 'concurrent'

return function(name, f)
  f()
  local me = concurrent.self()
  for _, pid in ipairs(concurrent.processes()) do
    if pid ~= me then
      concurrent.monitor(pid)
      assert(concurrent.receive(20000, { signal = 'DOWN', from = pid }), name .. ': a process is left')
    end
  end
  local m = concurrent.receive(0)
  assert(m == nil, name .. ': a message is left: ' .. tostring(type(m) == 'table' and m.signal or m))
  print(name)
end
