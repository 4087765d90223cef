-- Large enough to be written while it is made.
local c = require 'concurrent'
local path = ...
local strings, tables = {}, {}
for i = 1, 8 do strings[i] = string.char(64 + i):rep(1 << 20) end
for i = 1, 60000 do tables[i] = { i, 'item ' .. i, i * 0.5, i % 7 > 0 and tables[i - 1] or nil } end
for i = 1, 60000, 3 do tables[i].gone = nil end
local made = c.checkpoint(path)
local sum = 0
for i, t in ipairs(tables) do
  assert(t[2] == 'item ' .. t[1] and t[3] == i * 0.5 and t[4] == (i % 7 > 0 and tables[i - 1] or nil))
  sum = sum + t[1]
end
for i, s in ipairs(strings) do assert(s == string.char(64 + i):rep(1 << 20)) end
print(made, sum, #strings)
