-- ipairs, and iterators of one's own: with state in a closure, in a table, to be closed.
local function range(n) return function(limit, i) if i < limit then return i + 1 end end, n, 0 end
local function chars(s)
  local i = 0
  return function()
    i = i + 1
    if i <= #s then return i, s:sub(i, i) end
  end
end
for round = 1, 8 do
  local sum = 0
  for i, v in ipairs { 5, 4, 3, nil, 1 } do sum = sum + i * v end
  assert(sum == 5 + 8 + 9)
  local proxy = setmetatable({}, { __index = function(_, i) if i <= 10 then return i * i end end })
  sum = 0
  for i, v in ipairs(proxy) do sum = sum + v end
  assert(sum == 385)
  sum = 0
  for i in range(10) do sum = sum + i end
  assert(sum == 55)
  local text = ''
  for i, ch in chars 'hello' do text = ch .. text end
  assert(text == 'olleh')
  local closed = 0
  for i in function(_, i) return (i or 0) < 5 and (i or 0) + 1 or nil end, nil, nil,
    setmetatable({}, { __close = function() closed = closed + 1 end }) do
    if i == 3 then break end
  end
  assert(closed == 1)
  for i in setmetatable({}, { __call = function(_, _, i) return (i or 0) < 3 and (i or 0) + 1 or nil end }) do sum = sum + i end
  assert(sum == 61)
end
