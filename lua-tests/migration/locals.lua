-- Locals of every kind, of several functions, live across a move.
local nothing, yes, no, int, float, text, long = nil, true, false, 42, 0.5, 'short', ('long '):rep(100)
local t, f, native = { 1, 2, x = 'y' }, function(n) return n * 2 end, string.rep
local function inner(a, b, c)
  local sum = 0
  for i = a, b, c do
    local square = i * i
    sum = sum + square
  end
  return sum
end
for round = 1, 20 do
  local r = round
  do
    local int, text = r + 1, 'hidden ' .. r
    assert(int == r + 1 and text == 'hidden ' .. r)
  end
  assert(inner(1, 10, 1) == 385 and inner(10, 1, -3) == 166 and inner(0.5, 2, 0.5) == 7.5)
  assert(nothing == nil and yes == true and no == false and int == 42 and float == 0.5 and text == 'short')
  assert(long == ('long '):rep(100) and #long == 500 and t[2] == 2 and t.x == 'y' and f(r) == 2 * r and native == string.rep)
  local constant <const> = 7
  assert(constant == 7 and r == round)
end
