-- Constructors of more entries than room is made for in short code, and of rows with the same fields.

-- In pieces: whoever collects all the time has little to look at.
local function program(open, n, entry, close)
  local pieces = { open }
  for from = 1, n, 200 do
    local parts = {}
    for i = from, math.min(from + 199, n) do parts[#parts + 1] = entry(i) end
    pieces[#pieces + 1] = table.concat(parts, '\n')
  end
  pieces[#pieces + 1] = close
  return assert(load(table.concat(pieces, '\n')))
end

-- A list past 2^16, with results of a call behind its last element.
local list = program('return {', 70000, function(i) return i % 3 == 0 and i .. ',' or "'s" .. i .. "'," end, '...}')
local t = list('a', 'b', 'c')
assert(#t == 70003 and t[3] == 3 and t[69999] == 69999 and t[70000] == 's70000' and t[70003] == 'c')
local many = {}
for i = 1, 200 do many[i] = -i end
t = list(table.unpack(many))
assert(#t == 70200 and t[70200] == -200 and t[70201] == nil)
t, list = nil, nil

-- Fields past 2^16, and a list among them.
t = program('return {', 70000, function(i) return i % 2 == 0 and i .. ',' or 'k' .. i .. '=' .. i .. ',' end, '}')()
assert(#t == 35000 and t[1] == 2 and t[35000] == 70000 and t.k1 == 1 and t.k69999 == 69999 and t.k2 == nil)
for i = 1, 69999, 998 do assert(t['k' .. i] == i and t[(i + 1) // 2] == i + 1) end
local count = 0
for k, v in pairs(t) do count = count + 1 end
assert(count == 70000)
t = nil

-- Rows: with the same fields, with others in between, inside others.
t = program('return {', 600, function(i)
  if i % 7 == 0 then return '{ name = "n' .. i .. '", inner = { name = ' .. i .. ', { x = 1, y = { z = ' .. i .. ' } } }, last = true },' end
  return '{ id = ' .. i .. ', name = "n' .. i .. '", size = ' .. i .. '.5 },'
end, '}')()
for i, row in ipairs(t) do
  assert(row.name == 'n' .. i)
  if i % 7 == 0 then
    assert(row.inner.name == i and row.inner[1].x == 1 and row.inner[1].y.z == i and row.last and row.id == nil)
  else
    assert(row.id == i and row.size == i + 0.5 and row.inner == nil and row.last == nil and next(row) ~= nil)
  end
  local fields = 0
  for _ in pairs(row) do fields = fields + 1 end
  assert(fields == 3)
end

-- The same constant as key and value, before and past the constants that fit into an operand.
local f = program('local t = {}', 400, function(i) return ('t.f%d = %d t[%d] = "f%d"'):format(i, i + 1000, i, i) end, 'return t')
t = f()
for i = 1, 400 do assert(t['f' .. i] == i + 1000 and t[i] == 'f' .. i) end
assert(load(string.dump(f))().f400 == 1400)

-- Lines are known everywhere in long code.
local far = program('local x\n', 1000, function(i) return (i % 100 == 0 and ('\n'):rep(200) or '') .. 'x = ' .. i end, 'x = x.y.z')
local ok, message = pcall(far)
assert(not ok and message:find(':3003: attempt to index a number value', 1, true), message)
