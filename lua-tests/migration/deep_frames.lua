-- Ten thousand frames, down and up again, with a local in each; and as many results.
local function down(n)
  local own = n
  if n == 0 then return 0 end
  local below = down(n - 1)
  assert(own == n)
  return below + 1
end
assert(down(10000) == 10000)
local function even(n) if n == 0 then return true end return (function(m) return m end)(even)(n - 2) end
assert(even(10000))
local t = {}
for i = 1, 10000 do t[i] = i end
assert(select('#', table.unpack(t)) == 10000 and (select(10000, table.unpack(t))) == 10000)
local ok, why = pcall(function() local function f() return 1 + f() end return f() end)
assert(not ok and why:find 'stack overflow')
