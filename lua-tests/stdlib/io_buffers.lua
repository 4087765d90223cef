-- What is read and written is the same wherever the ends of a stream's buffer fall.
local name = os.tmpname()
local function written(pieces)
  local f = assert(io.open(name, 'wb'))
  for i = 1, #pieces do assert(f:write(pieces[i]) == f) end
  f:close()
  return table.concat(pieces)
end

-- Numbers, with more space between them here and there than a buffer holds, and some that are long.
local numbers, pieces = {}, {}
for i = 1, 9000 do
  local n = i % 3 == 0 and i * 0.5 or i % 3 == 1 and -i or i * 1e15
  numbers[i] = n
  pieces[#pieces + 1] = string.format(i % 3 == 0 and '%.1f' or i % 3 == 1 and '%d' or '%.17g', n)
  pieces[#pieces + 1] = (' \t\n\v'):rep(i % 7 // 3 + 1)
  if i % 3000 == 0 then pieces[#pieces + 1] = (' '):rep(70000) end
end
pieces[#pieces + 1] = ('0'):rep(190) .. '7 ' .. ('1'):rep(250)
written(pieces)
local f = assert(io.open(name))
for i = 1, #numbers do
  local n = f:read 'n'
  assert(n == numbers[i], i)
end
assert(f:read 'n' == 7)
-- Too long for a numeral; what was looked at is gone, as in the reference.
assert(f:read 'n' == nil)
f:close()

-- Lines of all lengths, with and without their ends, and bytes.
pieces = {}
for i = 0, 1200 do pieces[#pieces + 1] = ('x'):rep(i % 400) .. i .. '\n' end
pieces[#pieces + 1] = ('y'):rep(100000) .. '\n'
pieces[#pieces + 1] = 'the last has no end'
local whole = written(pieces)
local i = 0
for line in io.lines(name) do
  i = i + 1
  assert(line .. (i < #pieces and '\n' or '') == pieces[i])
end
assert(i == #pieces)
local back = {}
for line in io.lines(name, 'L') do back[#back + 1] = line end
assert(table.concat(back) == whole)
back = {}
for some in io.lines(name, 1000) do back[#back + 1] = some end
assert(table.concat(back) == whole and #back == (#whole + 999) // 1000)

-- Many arguments, numbers among them, up to and past the end of the buffer.
f = assert(io.open(name, 'wb'))
local expected = {}
for i = 1, 4000 do
  assert(f:write(i, ' ', i / 2, ' ', i * 1.0, ' ', 'a string\n') == f)
  expected[#expected + 1] = string.format('%d %.14g %d a string\n', i, i / 2, i)
end
assert(f:write(('z'):rep(40000), 1) and f:write() == f)
expected[#expected + 1] = ('z'):rep(40000) .. '1'
f:close()
f = assert(io.open(name, 'rb'))
assert(f:read 'a' == table.concat(expected))
f:close()
f = assert(io.open(name, 'w'))
assert(not pcall(f.write, f, 'before', {}, 'after'))
f:close()
f = assert(io.open(name))
assert(f:read 'a' == 'before')
f:close()
-- Written by the buffer's way, and seen by another when it is flushed.
f = assert(io.open(name, 'w'))
local g = assert(io.open(name))
f:write('one', 2)
assert(g:read 'a' == '')
f:flush()
assert(g:read 'a' == 'one2')
f:setvbuf 'no'
f:write 'three'
assert(g:read 'a' == 'three')
f:close() g:close()
os.remove(name)
