-- Natives that build long strings: concat, rep, format, gsub, pack, with tostring called in between.
local slow = setmetatable({}, { __tostring = function() local n = 0 for i = 1, 20 do n = n + i end return 'slow' .. n end })
for round = 1, 4 do
  local parts = {}
  for i = 1, 300 do parts[i] = 'part ' .. i end
  local joined = table.concat(parts, ', ')
  assert(#joined == 9 * 6 + 90 * 7 + 201 * 8 + 299 * 2)
  assert(select(2, joined:gsub('part', '')) == 300)
  assert(('%s|%5d|%q|%-8s|%s'):format(slow, 42, 'a\nb', 'x', slow) == 'slow210|   42|"a\\\nb"|x       |slow210')
  assert(#('ab'):rep(1000, '-') == 2999 and ('x'):rep(100000):byte(99999) == 120)
  local replaced = ('a b c d'):gsub('%a', function(c) return c:rep(100) end)
  assert(#replaced == 403)
  local packed = string.pack('<i4 z s2 d', -7, 'zero', 'counted', 1.5)
  local i, z, s, d = string.unpack('<i4 z s2 d', packed)
  assert(i == -7 and z == 'zero' and s == 'counted' and d == 1.5)
  local text = ''
  for i = 1, 50 do text = text .. tostring(slow) end
  assert(#text == 350 and utf8.char(228, 8364, 128512) == 'ä€😀' and ('ä€'):reverse():reverse() == 'ä€')
end
