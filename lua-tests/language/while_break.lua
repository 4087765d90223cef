-- while loops and break.

local i, sum = 1, 0
while i <= 10 do sum = sum + i; i = i + 1 end
assert(sum == 55)

while false do error('never') end
while nil do error('never') end

-- zero and the empty string are true
local turns = 0
while 0 do turns = turns + 1; if turns == 3 then break end end
assert(turns == 3)
turns = 0
while '' do turns = turns + 1; break end
assert(turns == 1)

-- break leaves the innermost loop only
local seen = {}
for a = 1, 3 do
  for b = 1, 3 do
    if b == 2 then break end
    seen[#seen + 1] = a .. b
  end
end
assert(table.concat(seen, ',') == '11,21,31')

-- break in the middle of a block
while true do
  if true then break end
  error('never')
end

-- condition with calls and short circuits
local q = { 3, 1, 2 }
local out = {}
while #q > 0 and q[#q] do out[#out + 1] = table.remove(q) end
assert(table.concat(out) == '213')

-- nested with closures
local fs = {}
local k = 0
while k < 4 do
  k = k + 1
  local v = k
  fs[k] = function() v = v + 1; return v end
  if k == 3 then break end
end
assert(#fs == 3 and fs[1]() == 2 and fs[1]() == 3 and fs[3]() == 4 and fs[2]() == 3)

-- collatz, to have a loop that runs a while
local n, steps = 27, 0
while n ~= 1 do
  if n % 2 == 0 then n = n // 2 else n = 3 * n + 1 end
  steps = steps + 1
end
assert(steps == 111)

-- break outside of a loop does not compile
local f, msg = load('break', '=b')
assert(f == nil and msg == "b:1: break outside loop at line 1")
f, msg = load('while true do local function f() break end end', '=b')
assert(f == nil and msg:find('break outside loop at line 1', 1, true))
