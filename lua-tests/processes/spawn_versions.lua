-- test: processes
-- What a spawner writes between two spawns: each child has its own moment of it, whenever it first looks.
local concurrent = require 'concurrent'
local main = concurrent.self()

-- Many children that all look late, in any order: at slots, nodes, lengths and what was added since.
local function check(n, write, look)
  local waiting = {}
  for i = 1, n do
    write(i)
    waiting[i] = concurrent.spawn(function()
      concurrent.receive()
      concurrent.send(main, { i, look(i) })
    end)
  end
  for i = 1, n do concurrent.send(waiting[(i * 7) % n + 1], 'now') end
  for _ = 1, n do
    local answer = concurrent.receive(120000)
    assert(answer, 'no answer')
    assert(answer[2], 'child ' .. answer[1])
  end
end

-- A list that grows, small and large; with pids, too.
list = {}
check(60, function(i) list[#list + 1] = i end, function(i)
  return #list == i and list[i] == i and list[i + 1] == nil and list[1] == 1
end)
large = {}
for i = 1, 600 do large[i] = -i end
check(60, function(i) large[i * 3] = i end, function(i)
  for k = 1, 60 do
    if large[k * 3] ~= (k <= i and k or -k * 3) then return false end
  end
  return #large == 600
end)
check(50, function(i) large[#large + 1] = i end, function(i) return #large == 600 + i and large[600 + i] == i end)
check(50, function() table.remove(large) end, function(i) return #large == 650 - i end)
check(20, function(i) table.insert(large, 1, i) end, function(i) return large[1] == i and #large == 600 + i end)
check(10, function(i) table.sort(large, function(a, b) if i % 2 == 0 then return a < b end return a > b end) end, function(i)
  return (large[1] < large[2] or large[2] < large[3]) == (i % 2 == 0)
end)

-- Keys that come and go, of every kind, in a small table and in a large one; names that others have to give way to.
for _, size in ipairs { 0, 400 } do
  names, objects = {}, {}
  for i = 1, size do names['name ' .. i] = i end
  for i = 1, 60 do objects[i] = { i } end
  check(60, function(i)
    names['new ' .. i] = i
    names[i + 0.5] = i
    names[objects[i]] = i
    if i > 10 then
      names['new ' .. i - 10] = nil
      names[objects[i - 10]] = nil
    end
  end, function(i)
    local n, objects_of = 0, 0
    for k, v in pairs(names) do
      n = n + 1
      if type(k) == 'table' then
        objects_of = objects_of + 1
        if k ~= objects[v] then return false end
      end
    end
    local kept = math.min(i, 10)
    return n == size + i + 2 * kept and objects_of == kept and names['new ' .. i] == i and names['new ' .. i - 10] == nil
      and names[objects[i]] == i and names[i + 0.5] == i and names[i + 1.5] == nil
      and (size == 0 or names['name ' .. size] == size)
  end)
end

-- What is reached for the first time, and what is not reached any more.
tree = {}
check(30, function(i)
  tree = { left = tree, right = { i, name = 'node ' .. i, f = function() return i + #tree.right end } }
  if i % 10 == 0 then tree.left = nil end
end, function(i)
  local t, n = tree, 0
  while t.left and t.right do
    if t.right[1] ~= i - n or t.right.name ~= 'node ' .. i - n then return false end
    t, n = t.left, n + 1
  end
  return tree.right.f() == i + 1
end)

