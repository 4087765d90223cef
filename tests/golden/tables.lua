-- Tables with keys of every kind that have a hash, one of them in the middle of a traversal.
local concurrent = require 'concurrent'
local path = ...
local object, other = {}, function() end
local t = {}
for i = 1, 40 do t[i * 7 - 100], t[i << 20], t[i + 0.5], t['name' .. i] = i, -i, i / 4, 'n' .. i end
t[object], t[other], t[true], t[false], t[print], t[concurrent.self] = 'object', 'function', 'true', 'false', 'native', 'self'
t[1e300], t[-0.1], t[math.huge], t[math.mininteger] = 'large', 'tenth', 'infinite', 'least'
local count, sum, seen = 0, 0, {}
for k, v in pairs(t) do
  count = count + 1
  seen[k] = v
  if type(v) == 'number' then sum = sum + v end
  if count == 90 and concurrent.checkpoint(path) == true then os.exit(0) end
end
for k, v in pairs(t) do assert(seen[k] == v) end
for i = 1, 40 do assert(t[i << 20] == -i and t[i + 0.5] == i / 4 and t['name' .. i] == 'n' .. i) end
assert(t[object] == 'object' and t[other] == 'function' and t[print] == 'native' and t[-0.1] == 'tenth')
-- They grow, and are placed anew.
for i = 1, 1000 do t[-1000 - i], t[i + 0.25] = i, i end
for i = 1, 1000 do assert(t[-1000 - i] == i and t[i + 0.25] == i) end
assert(t[1e300] == 'large' and t[math.huge] == 'infinite' and t[math.mininteger] == 'least' and t[40 << 20] == -40)
print(count, sum)
