-- Frames: calls of each other, a generic for in mid-table, variables to be closed, pcall, goto loops, extra arguments.
local c = require 'concurrent'
arg = nil -- it says where this lies
local path = ...
local said
local function deep(n, ...)
  if n > 0 then
    local a, b = deep(n - 1, n, ...)
    return a + 1, b
  end
  local t, seen = { 10, 20, 30, x = 1, y = 2 }, 0
  for k, v in pairs(t) do
    seen = seen + v
    if k == 2 then said = c.checkpoint(path) end
  end
  if said == true then os.exit(0) end
  return seen, select('#', ...)
end
local ok, depth, extra = pcall(function()
  local x <close> = setmetatable({}, { __close = function(_, e) print('closed', type(e)) end })
  local a, b = deep(5, 'more')
  error({ a, b })
end)
print(said, ok, depth[1], depth[2], extra)
