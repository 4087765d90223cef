-- Numeric for: integers, floats, steps, the copy of the variable.

local function run(a, b, c)
  local t = {}
  for i = a, b, c or 1 do t[#t + 1] = tostring(i) end
  return table.concat(t, ' ')
end

assert(run(1, 3) == '1 2 3')
assert(run(3, 1) == '')
assert(run(3, 1, -1) == '3 2 1')
assert(run(1, 10, 4) == '1 5 9')
assert(run(10, 1, -4) == '10 6 2')
assert(run(0, 0) == '0')
assert(run(1, 0) == '')
assert(run(-3, 3, 3) == '-3 0 3')

-- integer start and step: an integer loop, the limit is clipped
assert(run(1, 3.9) == '1 2 3')
assert(run(1, -3.9, -1) == '1 0 -1 -2 -3')
assert(run(1, 0.9) == '')
assert(run(-1, -1.5, -1) == '-1')
assert(run(1, math.huge, 1 << 62) == '1 4611686018427387905')
assert(run(1, -math.huge) == '')
assert(run(1, 0 / 0) == '')

-- a float start or step makes a float loop
assert(run(1.0, 3) == '1.0 2.0 3.0')
assert(run(1, 2, 0.5) == '1.0 1.5 2.0')
assert(run(1, 0, -0.25) == '1.0 0.75 0.5 0.25 0.0')
assert(run(3.0, 1) == '')
assert(run(1.5, 3) == '1.5 2.5')

-- assigning to the control variable does not change the loop
local n = 0
for i = 1, 3 do n = n + 1; i = 10 end
assert(n == 3)

-- limits are evaluated once, in order
local order = {}
local function e(name, v) order[#order + 1] = name; return v end
for _ = e('start', 1), e('limit', 2), e('step', 1) do order[#order + 1] = 'turn' end
assert(table.concat(order, ' ') == 'start limit step turn turn')

-- the variable is fresh in each turn
local fs = {}
for i = 1, 3 do fs[i] = function() i = i + 1; return i end end
assert(fs[1]() == 2 and fs[1]() == 3 and fs[2]() == 3 and fs[3]() == 4)

-- nested loops and shadowing
local sum = 0
for i = 1, 3 do for i = i, 3 do sum = sum + i end end
assert(sum == 1 + 2 + 3 + 2 + 3 + 3)

-- types of the variable
for i = 1, 1 do assert(math.type(i) == 'integer') end
for i = 1, 1, 1.0 do assert(math.type(i) == 'float') end
for i = 1.0, 1 do assert(math.type(i) == 'float') end
