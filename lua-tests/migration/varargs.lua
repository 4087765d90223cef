-- Extra arguments: none, many, nil among them, passed on, in coroutines and in the main chunk.
local function count(...) return select('#', ...) end
local function pass(...)
  local n = 0
  for i = 1, 5 do n = n + i end
  return ...
end
local function last(...)
  local t = table.pack(...)
  for i = 1, t.n do assert(rawequal(t[i], (select(i, ...)))) end
  return (select(-1, ...))
end
for round = 1, 10 do
  assert(count() == 0 and count(nil) == 1 and count(nil, nil, 3, nil) == 4 and count(pass(1, nil, 3, nil)) == 4)
  assert(last(1, nil, 'x') == 'x' and last(table.unpack({}, 1, 50)) == nil)
  local co = coroutine.wrap(function(...)
    local got = table.pack(coroutine.yield(count(...)))
    return got.n, ...
  end)
  assert(co(1, nil, 3) == 3)
  local n, a, b, c = co(nil, nil)
  assert(n == 2 and a == 1 and b == nil and c == 3)
  assert(count(pcall(pass, 1, nil, nil)) == 4)
end
assert(count(...) >= 0)
