-- lists: linked lists: built, reversed, merged and sorted, a queue and a ring. arg[1] = rounds.
local N = (arg and arg[1] or 130) + 0

local function cons(head, tail) return { head = head, tail = tail } end
local function build(n, seed)
  local l
  for _ = 1, n do
    seed = (seed * 16807) % 2147483647
    l = cons(seed % 10000, l)
  end
  return l
end
local function reverse(l)
  local r
  while l do l, r = l.tail, cons(l.head, r) end
  return r
end
local function merge(a, b)
  local first = { tail = nil }
  local last = first
  while a and b do
    if a.head <= b.head then last.tail, a = a, a.tail else last.tail, b = b, b.tail end
    last = last.tail
  end
  last.tail = a or b
  return first.tail
end
local function split(l)
  local slow, fast = l, l.tail
  while fast do
    fast = fast.tail
    if fast then slow, fast = slow.tail, fast.tail end
  end
  local second = slow.tail
  slow.tail = nil
  return l, second
end
local function sort(l)
  if not l or not l.tail then return l end
  local a, b = split(l)
  return merge(sort(a), sort(b))
end
local sum = 0
for i = 1, N do
  local l = sort(reverse(build(3000, i)))
  local k = 0
  while l do
    k = k + 1
    if k % 100 == 0 then sum = (sum * 31 + l.head) % 1000003 end
    l = l.tail
  end
  local ring = { value = 0 }
  ring.next, ring.prev = ring, ring
  for j = 1, 3000 do
    local node = { value = j, next = ring, prev = ring.prev }
    node.prev.next, ring.prev = node, node
    if j % 3 == 0 then
      local out = ring.next
      out.prev.next, out.next.prev = out.next, out.prev
      sum = sum + out.value
    end
  end
end
print("lists", N, sum % 1000003)
