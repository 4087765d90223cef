-- heap: an event queue, a binary heap of tables with a comparator, with methods. arg[1] = events.
local N = (arg and arg[1] or 450000) + 0

local Heap = {}
Heap.__index = Heap
function Heap.new(less) return setmetatable({ n = 0, items = {}, less = less }, Heap) end
function Heap:push(item)
  local items, less = self.items, self.less
  local i = self.n + 1
  self.n = i
  while i > 1 do
    local parent = i // 2
    if not less(item, items[parent]) then break end
    items[i] = items[parent]
    i = parent
  end
  items[i] = item
end
function Heap:pop()
  local items, less, n = self.items, self.less, self.n
  if n == 0 then return nil end
  local top, last = items[1], items[n]
  items[n] = nil
  n = n - 1
  self.n = n
  if n > 0 then
    local i = 1
    while true do
      local child = i * 2
      if child > n then break end
      if child < n and less(items[child + 1], items[child]) then child = child + 1 end
      if not less(items[child], last) then break end
      items[i] = items[child]
      i = child
    end
    items[i] = last
  end
  return top
end

local queue = Heap.new(function(a, b)
  if a.time ~= b.time then return a.time < b.time end
  return a.id < b.id
end)
local seed, id, now, sum = 42, 0, 0, 0
local function schedule(delay)
  id = id + 1
  queue:push({ time = now + delay, id = id })
end
for _ = 1, 500 do
  seed = (seed * 16807) % 2147483647
  schedule(seed % 1000)
end
for _ = 1, N do
  local event = queue:pop()
  now = event.time
  seed = (seed * 16807) % 2147483647
  sum = (sum * 31 + event.id) % 1000003
  schedule(seed % 1000 + 1)
end
print("heap", N, now, sum)
