-- Variables that are to be closed are, in their order, at every way out of a block.
local order = {}
local function closes(name)
  return setmetatable({}, { __close = function(_, e) order[#order + 1] = e and name .. '!' or name end })
end
local function said()
  local text = table.concat(order, ' ')
  order = {}
  return text
end
for round = 1, 8 do
  do
    local a <close> = closes 'a'
    local b <close>, c = closes 'b', 1
    local n <close> = nil
    for i = 1, 5 do c = c + i end
  end
  assert(said() == 'b a')
  local function returns()
    local a <close> = closes 'a'
    return (function() local b <close> = closes 'b' return 1, 2 end)()
  end
  local x, y = returns()
  assert(x == 1 and y == 2 and said() == 'b a')
  for i = 1, 3 do
    local l <close> = closes('l' .. i)
    if i == 2 then goto out end
  end
  ::out::
  assert(said() == 'l1 l2')
  local ok = pcall(function()
    local a <close> = closes 'a'
    local b <close> = closes 'b'
    error 'x'
  end)
  assert(not ok and said() == 'b! a!')
end
