-- hanoi: towers as stacks in tables, and deep recursion: Ackermann, a long chain of calls. arg[1] = disks.
local N = (arg and arg[1] or 22) + 0

local moves = 0
local function move(n, from, to, over)
  if n == 0 then return end
  move(n - 1, from, over, to)
  to[#to + 1] = from[#from]
  from[#from] = nil
  moves = moves + 1
  move(n - 1, over, to, from)
end
local a, b, c = {}, {}, {}
for i = 1, N do a[i] = N - i end
move(N, a, b, c)
local function ack(m, n)
  if m == 0 then return n + 1 end
  if n == 0 then return ack(m - 1, 1) end
  return ack(m - 1, ack(m, n - 1))
end
local function depth(n)
  if n == 0 then return 0 end
  return 1 + depth(n - 1)
end
local sum = 0
for i = 1, 60 do sum = sum + depth(15000 + i) end
print("hanoi", N, moves, #a, #b, #c, ack(2, 300), ack(3, 6), sum)
