-- coroutine.wrap: values, errors, generators.

local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local s = 0
for i in gen(5) do s = s + i end
assert(s == 15)

-- permutations
local function permgen(a, n)
  if n <= 1 then coroutine.yield(a) else
    for i = 1, n do
      a[n], a[i] = a[i], a[n]
      permgen(a, n - 1)
      a[n], a[i] = a[i], a[n]
    end
  end
end
local perms = {}
for p in coroutine.wrap(function() permgen({ 1, 2, 3 }, 3) end) do perms[#perms + 1] = table.concat(p) end
assert(table.concat(perms, ' ') == '231 321 312 132 213 123', table.concat(perms, ' '))

-- errors propagate with position, once
local w = coroutine.wrap(function() coroutine.yield(1); error('oops') end)
assert(w() == 1)
local ok, e = pcall(w)
assert(not ok and e:find 'wrap.lua:%d+: .*oops$', e)
ok, e = pcall(w)
assert(not ok and e:find('cannot resume dead coroutine', 1, true))

-- values that are no strings propagate unchanged
local t = {}
ok, e = pcall(coroutine.wrap(function() error(t) end))
assert(not ok and e == t)
ok, e = pcall(coroutine.wrap(function() error() end))
assert(not ok and e == nil)

-- an error closes pending variables of the wrapped coroutine
local closed
ok, e = pcall(coroutine.wrap(function()
  local x <close> = setmetatable({}, { __close = function(_, err) closed = err end })
  error('E', 0)
end))
assert(not ok and e == 'E' and closed == 'E')

-- filters and pipelines
local function filter(p, g) return coroutine.wrap(function() for v in g do if p(v) then coroutine.yield(v) end end end) end
local function map(f, g) return coroutine.wrap(function() for v in g do coroutine.yield(f(v)) end end) end
local out = {}
for v in map(function(x) return x * x end, filter(function(x) return x % 2 == 1 end, gen(9))) do out[#out + 1] = v end
assert(table.concat(out, ' ') == '1 9 25 49 81')

-- primes by a chain of filters
local function sieve(g)
  return coroutine.wrap(function()
    while true do
      local p = g()
      if not p then return end
      coroutine.yield(p)
      g = filter(function(x) return x % p ~= 0 end, g)
    end
  end)
end
local from2 = coroutine.wrap(function() for i = 2, 40 do coroutine.yield(i) end end)
local primes = {}
for p in sieve(from2) do primes[#primes + 1] = p end
assert(table.concat(primes, ' ') == '2 3 5 7 11 13 17 19 23 29 31 37')

-- a tree walk
local function walk(node) if node then walk(node[1]); coroutine.yield(node.v); walk(node[2]) end end
local tree = { v = 4, { v = 2, { v = 1 }, { v = 3 } }, { v = 6, { v = 5 } } }
local seen = {}
for v in coroutine.wrap(function() walk(tree) end) do seen[#seen + 1] = v end
assert(table.concat(seen) == '123456')
