-- repeat-until: at least one turn; the condition sees the body's locals.

local n = 0
repeat n = n + 1 until true
assert(n == 1)

repeat
  local stop = n >= 5
  n = n + 1
until stop
assert(n == 6)

-- locals of the body captured and used in the condition
local fs = {}
local i = 0
repeat
  i = i + 1
  local v = i * 10
  fs[#fs + 1] = function(d) v = v + (d or 0); return v end
until fs[#fs](1) > 30 and v == 31
assert(#fs == 3)
assert(fs[1]() == 11 and fs[2]() == 21 and fs[3]() == 31)
fs[1](5)
assert(fs[1]() == 16 and fs[2]() == 21)

-- break inside, past a captured local
local got
repeat
  local x = 7
  got = function() return x end
  if x then break end
until x == nil
assert(got() == 7)

-- nested
local trace = {}
local a = 0
repeat
  a = a + 1
  local b = 0
  repeat
    b = b + 1
    local done = b == a
    trace[#trace + 1] = a * b
  until done
until a == 3
assert(table.concat(trace, ' ') == '1 2 4 3 6 9')

-- the upvalue is fresh in each turn
local keep = {}
local c = 0
repeat
  local fresh
  assert(fresh == nil)
  fresh = c
  keep[c] = function() return fresh end
  c = c + 1
until c == 3
for j = 0, 2 do assert(keep[j]() == j) end

-- a goto that continues a repeat loop
local odd = {}
local m = 0
repeat
  m = m + 1
  do
    if m % 2 == 0 then goto continue end
    odd[#odd + 1] = m
  end
  ::continue::
until m == 7
assert(table.concat(odd, '') == '1357')

-- jumping into the scope of a local that the condition needs is refused
assert(not load 'repeat if x then goto cont end; local xuxu = 10; ::cont:: until xuxu < x')
