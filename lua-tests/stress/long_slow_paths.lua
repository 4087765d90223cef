-- Instructions that leave their fast path, many times in one function: the machine's own stack must not grow with them.
local mt = {}
mt.__index = function(_, k) return k end
mt.__newindex = function() end
mt.__add = function() return 1 end
mt.__concat = function() return 'c' end
mt.__eq = function() return true end
mt.__lt = function() return true end
mt.__le = function() return false end
mt.__len = function() return 3 end
mt.__unm = function() return 4 end
mt.__call = function(_, x) return x end
mt.__band = function() return 5 end
local a, b = setmetatable({}, mt), setmetatable({}, mt)
local n, t, s = 0, {}, 'x'
local N = arg and tonumber(arg[1]) or 300
for i = 1, N do
  n = n + #a.one + a[i] + #a + -a + (a + b) + a(1) + (a & 1) + ('10' + 1) - 1.5 // 1 % 7
  a.x = i
  a[i] = i
  if a == b and a < b and not (a <= b) and s .. a == 'c' and s < 'y' and 1 < 2.5 then n = n + 1 end
  t[i % 10] = i
  t['k' .. i % 7] = { i }
  t[#t + 1] = nil
  local f = function(...) return select('#', ...), ... end
  local c <close> = setmetatable({}, { __close = function() n = n + 1 end })
  n = n + f(1, 2, 3) + select(2, f(9)) + math.max(1, 2)
  for _ in pairs(t) do n = n + 1 end
  for _, v in ipairs { 1, 2 } do n = n + v end
  n = n + (pcall(error, 'e') and 1 or 0)
  s = s:sub(1, 1)
  goto continue
  ::continue::
end
assert(n > N)
