-- Strings: building, interning, many short lived ones.

local s = ''
for i = 1, 300 do s = s .. string.char(97 + i % 26) end
assert(#s == 300 and s:sub(1, 5) == 'bcdef')

local parts = {}
for i = 1, 300 do parts[i] = s:sub(i, i) end
assert(table.concat(parts) == s)

-- equal strings made in different ways are equal keys
local keys = {}
for i = 1, 100 do keys['key' .. i] = i end
for i = 1, 100 do
  assert(keys[('key%d'):format(i)] == i and keys[table.concat { 'k', 'e', 'y', i }] == i and keys[('yek'):reverse() .. i] == i)
end

-- long strings as keys
for n = 30, 60, 5 do
  local a, b = ('x'):rep(n), {}
  for i = 1, n do b[i] = 'x' end
  assert(({ [a] = n })[table.concat(b)] == n)
end

-- a word count
local text = ('the quick brown fox jumps over the lazy dog the end '):rep(8)
local count = {}
for w in text:gmatch '%a+' do count[w] = (count[w] or 0) + 1 end
assert(count.the == 24 and count.fox == 8 and count.cat == nil)

-- reverse, rotate, transform
local rev = s:reverse()
assert(rev:reverse() == s and rev:byte(1) == s:byte(-1))
local rot = s:gsub('%l', function(c) return string.char((c:byte() - 97 + 13) % 26 + 97) end)
assert(rot:gsub('%l', function(c) return string.char((c:byte() - 97 + 13) % 26 + 97) end) == s)

-- run length encoding and back
local raw = 'aaabccddddde'
local enc = {}
do
  local i = 1
  while i <= #raw do
    local j = i
    while raw:sub(j + 1, j + 1) == raw:sub(i, i) do j = j + 1 end
    enc[#enc + 1] = (j - i + 1) .. raw:sub(i, i)
    i = j + 1
  end
end
assert(table.concat(enc) == '3a1b2c5d1e')
assert(table.concat(enc):gsub('(%d+)(%a)', function(n, c) return c:rep(tonumber(n)) end) == raw)

-- a serializer and its reader
local function ser(v)
  if type(v) ~= 'table' then return ('%q'):format(v) end
  local keys2, out = {}, {}
  for k in pairs(v) do keys2[#keys2 + 1] = k end
  table.sort(keys2, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(keys2) do out[#out + 1] = '[' .. ser(k) .. ']=' .. ser(v[k]) end
  return '{' .. table.concat(out, ',') .. '}'
end
local data = { 1, 2, { 'x', y = { z = -0.5 } }, [10] = 'ten', s = 'quo"te\n\0' }
local back = load('return ' .. ser(data))()
assert(ser(back) == ser(data) and back[3].y.z == -0.5 and back.s == data.s)

-- checksums over bytes
local h = 5381
for i = 1, #s do h = (h * 33 + s:byte(i)) & 0xffffffff end
assert(h == h & 0xffffffff and math.type(h) == 'integer')
