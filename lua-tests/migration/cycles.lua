-- Tables, functions and coroutines that lead to each other in circles, and the same thing by two ways.
local a, b = { name = 'a' }, { name = 'b' }
a.other, b.other, a.self = b, a, a
a[a], a[b] = 'me', 'you'
local function f() return a, f end
a.f = f
local co
co = coroutine.create(function(first)
  local kept = { co = co, first = first }
  kept.kept = kept
  while true do coroutine.yield(kept) end
end)
local _, kept = coroutine.resume(co, a)
local list
for i = 1, 200 do list = { next = list, i = i } end
for round = 1, 30 do
  assert(a.other.other == a and a.self.self == a and a[a] == 'me' and a[b] == 'you')
  local t, g = a.f()
  assert(t == a and g == f and b.other.f == f)
  local _, again = coroutine.resume(co)
  assert(again == kept and kept.co == co and kept.kept.kept == kept and kept.first == a)
  local n, l = 0, list
  while l do n, l = n + l.i, l.next end
  assert(n == 20100)
end
