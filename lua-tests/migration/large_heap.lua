-- Ten megabytes of heap: long strings, an array, tables of fields.
local rows, text, numbers = {}, {}, table.pack(string.byte(('0123456789'):rep(200), 1, -1))
for i = 1, 200 do rows[i] = { id = i, name = 'row ' .. i, tags = { i % 7, i % 11 } } end
for i = 1, 160 do text[i] = string.char(64 + i % 26):rep(65536) end
assert(collectgarbage 'count' > 10240)
local sum = 0
for i = 1, 200 do
  local r = rows[i]
  sum = sum + r.id + r.tags[1] * 0 + #r.tags
  assert(r.name == 'row ' .. i and r.tags[2] == i % 11)
end
assert(sum == 200 * 201 // 2 + 400)
for i = 1, 160 do assert(#text[i] == 65536 and text[i]:byte(65536) == 64 + i % 26) end
assert(#numbers == 2000 and numbers[2000] == 57)
