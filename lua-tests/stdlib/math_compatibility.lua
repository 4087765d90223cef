-- math: functions of older versions, which the reference has when it is built to be compatible with 5.3.

if math.pow then
  local function near(x, y) assert(math.type(x) == 'float' and math.abs(x - y) < 1e-12, x) end
  near(math.pow(2, 10), 1024) near(math.pow(2, 0.5), 1.4142135623730951) near(math.log10(1000), 3) near(math.ldexp(3, 4), 48) near(math.ldexp(0.75, -1), 0.375)
  near(math.cosh(0), 1) near(math.sinh(0), 0) near(math.tanh(0), 0) near(math.cosh(1), 1.5430806348152437) near(math.sinh(1), 1.1752011936438014) near(math.tanh(1), 0.7615941559557649)
  local m, e = math.frexp(8)
  assert(m == 0.5 and e == 4 and math.type(e) == 'integer' and math.frexp(0) == 0.0 and math.frexp(-3) == -0.75 and math.frexp(math.huge) == math.huge)
  assert(math.log10(0) == -math.huge and math.pow(0, 0) == 1.0 and math.pow(2, -1) == 0.5 and math.ldexp(1, 2000) == math.huge and math.pow('2', 3) == 8.0)
  assert(math.atan2 == math.atan and math.atan2(1, -1) == math.atan(1, -1))
  assert(not pcall(math.pow, 1) and not pcall(math.ldexp, 1, 1.5) and not pcall(math.frexp, 'x') and not pcall(math.log10))
end
