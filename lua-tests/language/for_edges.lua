-- Numeric for: overflow at the borders of integers, large steps, errors.

local maxi, mini = math.maxinteger, math.mininteger

local function collect(a, b, c)
  local t = {}
  for i = a, b, c do
    t[#t + 1] = i
    assert(#t <= 10, 'runaway loop')
  end
  return t
end
local function same(t, ...)
  local e = { ... }
  assert(#t == #e, #t)
  for i = 1, #e do assert(t[i] == e[i] and math.type(t[i]) == math.type(e[i])) end
end

same(collect(maxi - 2, maxi, 1), maxi - 2, maxi - 1, maxi)
same(collect(mini + 2, mini, -1), mini + 2, mini + 1, mini)
same(collect(maxi - 1, math.huge, 1), maxi - 1, maxi)
same(collect(mini + 1, -math.huge, -1), mini + 1, mini)
same(collect(maxi, maxi, maxi), maxi)
same(collect(mini, maxi, maxi), mini, -1, maxi - 1)
same(collect(maxi, mini, mini), maxi, -1)
same(collect(mini, mini, mini), mini)
same(collect(0, maxi, maxi), 0, maxi)
same(collect(0, mini, mini), 0, mini)
same(collect(1, maxi, 1 << 62), 1, (1 << 62) + 1)
same(collect(mini, 0, 1 << 62), mini, mini + (1 << 62), 0)
same(collect(maxi, 1e100, -1))
same(collect(maxi, maxi + 0.0, 1), maxi)     -- 2^63 is past every integer
same(collect(mini, mini + 0.0, -1), mini)
same(collect(3, 2.99, 1))
same(collect(-3, -2.99, -1))
same(collect(2^53, 2^53 + 4, 2), 2^53, 2^53 + 2, 2^53 + 4)

-- float accumulation goes by repeated addition
local last
for x = 0, 1, 0.1 do last = x end
assert(last > 0.9)
local n = 0
for x = 1.0, 1.0 + 3 * 2^-52, 2^-52 do n = n + 1 end
assert(n == 4)

-- errors
local function fails(msg, f)
  local ok, e = pcall(f)
  assert(not ok and e:find(msg, 1, true), e)
end
fails("'for' step is zero", function() for _ = 1, 2, 0 do end end)
fails("'for' step is zero", function() for _ = 1, 2, 0.0 do end end)
fails("'for' step is zero", function() for _ = 1.0, 2, -0.0 do end end)
fails("bad 'for' initial value (number expected, got string)", function() for _ = 'x', 2 do end end)
fails("bad 'for' initial value (number expected, got nil)", function() for _ = nil, 2 do end end)
fails("bad 'for' limit (number expected, got table)", function() for _ = 1, {} do end end)
fails("bad 'for' limit (number expected, got string)", function() for _ = 1, 'x' do end end)
fails("bad 'for' limit (number expected, got boolean)", function() for _ = 1.5, true do end end)
fails("bad 'for' step (number expected, got function)", function() for _ = 1.0, 2, print do end end)
