-- varargs: functions of any number of arguments, select, table.pack and unpack, forwarding calls. arg[1] = rounds.
local N = (arg and arg[1] or 1000000) + 0
local select, unpack, pack = select, table.unpack, table.pack

local function sum(...)
  local s = 0
  for i = 1, select("#", ...) do s = s + (select(i, ...)) end
  return s
end
local function count(...) return select("#", ...) end
local function forward(f, ...) return f(...) end
local function tail(_, ...) return ... end
local function all(...)
  local t = { ... }
  local s = 0
  for i = 1, #t do s = s + t[i] end
  return s
end
local function swap(a, b) return b, a end
local total = 0
for i = 1, N do
  local a, b = swap(i, i + 1)
  total = total + sum(a, b, 3) + count(tail(1, 2, 3, i)) + forward(all, 1, i, 3)
  local p = pack(i, 2, 3)
  total = (total + p.n + select("#", unpack(p, 1, p.n)) + math.max(a, b, 5)) % 1000003
end
print("varargs", N, total)
