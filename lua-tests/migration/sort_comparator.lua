-- From inside the comparison function of a sort, which may sort, fail or yield to nobody.
for round = 1, 4 do
  local t, calls = {}, 0
  for i = 1, 40 do t[i] = (i * 7919) % 101 end
  table.sort(t, function(a, b)
    calls = calls + 1
    if calls == 30 then
      local inner = { 'b', 'c', 'a' }
      table.sort(inner, function(x, y) return x < y end)
      assert(table.concat(inner) == 'abc')
    end
    return a < b
  end)
  for i = 2, 40 do assert(t[i - 1] <= t[i]) end
  local words = { 'pear', 'fig', 'banana', 'kiwi' }
  table.sort(words, function(a, b) return #a > #b or #a == #b and a < b end)
  assert(table.concat(words, ' ') == 'banana kiwi pear fig')
  local objects, mt = {}, { __lt = function(a, b) return a.n > b.n end }
  for i = 1, 10 do objects[i] = setmetatable({ n = i * 3 % 11 }, mt) end
  table.sort(objects)
  for i = 2, 10 do assert(objects[i - 1].n >= objects[i].n) end
  local ok, why = pcall(table.sort, { 3, 2, 1 }, function() error('no order', 0) end)
  assert(not ok and why == 'no order')
end
