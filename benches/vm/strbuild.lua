-- Strings: concatenation, formats, table.concat, substitution and bytes.

local n = tonumber(arg and arg[1]) or 150000

local parts = {}
for i = 1, n do
  parts[#parts + 1] = 'item ' .. i .. ': ' .. string.format('%05d', i * 7 % 99991)
end
local text = table.concat(parts, '\n')

local changed, changes = text:gsub('item (%d+)', function(digits)
  if #digits % 2 == 0 then return 'even ' .. digits end
end)

local sum = 0
for line in changed:gmatch('[^\n]+') do
  sum = (sum * 31 + line:byte(1) + line:byte(-1) + #line:upper()) % 1000000007
end

local piece = ''
for i = 1, 4000 do piece = piece .. string.char(97 + i % 26) end
local places = select(2, piece:rep(20):gsub('xyz', '%0'))
print(string.format('%d bytes, %d changes, sum %d, %d places', #changed, changes, sum, places))
