-- Generators: wrapped coroutines as iterators, inside each other, with errors that come out.
local function numbers(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local function squares(n) return coroutine.wrap(function() for i in numbers(n) do coroutine.yield(i, i * i) end end) end
for round = 1, 5 do
  local sum = 0
  for i, s in squares(10) do
    assert(s == i * i)
    sum = sum + s
  end
  assert(sum == 385)
  local fails = coroutine.wrap(function()
    coroutine.yield(1)
    error('inside', 0)
  end)
  assert(fails() == 1)
  local ok, why = pcall(fails)
  assert(not ok and why == 'inside')
  ok, why = pcall(fails)
  assert(not ok and why:find 'dead coroutine')
end
local function permutations(t)
  local function permute(n)
    if n == 0 then coroutine.yield(table.concat(t)) end
    for i = 1, n do
      t[n], t[i] = t[i], t[n]
      permute(n - 1)
      t[n], t[i] = t[i], t[n]
    end
  end
  return coroutine.wrap(function() permute(#t) end)
end
local seen, n = {}, 0
for p in permutations { 'a', 'b', 'c', 'd' } do
  assert(not seen[p])
  seen[p], n = true, n + 1
end
assert(n == 24)
