-- Many closures and upvalues that closures and coroutines share.

-- counters
local counters = {}
for i = 1, 100 do
  local n = i
  counters[i] = { up = function() n = n + 1; return n end, get = function() return n end }
end
for i = 1, 100 do counters[i].up() end
for i = 1, 100 do assert(counters[i].get() == i + 1) end

-- one variable, many owners: closures, a coroutine, a nested function
local shared = 0
local owners = {}
for i = 1, 20 do owners[i] = function() shared = shared + i; return shared end end
local co = coroutine.wrap(function() while true do shared = shared * 2; coroutine.yield(shared) end end)
for i = 1, 5 do owners[i]() end
assert(shared == 15 and co() == 30 and owners[20]() == 50 and co() == 100)

-- a local of a suspended coroutine, open, seen through a closure outside
local getter, setter
local gen = coroutine.create(function()
  local inside = 'a'
  getter = function() return inside end
  setter = function(v) inside = v end
  coroutine.yield()
  inside = inside .. '!'
  coroutine.yield()
end)
coroutine.resume(gen)
assert(getter() == 'a')
setter 'b'
coroutine.resume(gen)
assert(getter() == 'b!')
gen = nil
collectgarbage()
assert(getter() == 'b!')
setter 'c'
assert(getter() == 'c')

-- two coroutines that share a local of their common maker
local function pair()
  local state = { n = 0 }
  local count = 0
  local function body(step) return function() while true do count = count + step; state.n = state.n + 1; coroutine.yield(count) end end end
  return coroutine.wrap(body(1)), coroutine.wrap(body(10)), function() return count, state.n end
end
local one, ten, both = pair()
one() ten() one() ten() ten()
local c, n = both()
assert(c == 32 and n == 5)

-- closures made in a loop of a coroutine, kept over yields
local made = {}
local maker = coroutine.wrap(function()
  for i = 1, 10 do
    local v = i * i
    made[i] = function() v = v + 1; return v end
    coroutine.yield()
  end
end)
for _ = 1, 10 do maker() end
for i = 1, 10 do assert(made[i]() == i * i + 1 and made[i]() == i * i + 2) end

-- composition
local function compose(f, g) return function(x) return g(f(x)) end end
local f = function(x) return x end
for i = 1, 50 do f = compose(f, function(x) return x + i end) end
assert(f(0) == 1275)

-- a loop variable captured in each of many coroutines
local cos = {}
for i = 1, 50 do cos[i] = coroutine.create(function() i = i + 1; coroutine.yield(i); i = i + 1; return i end) end
for k = 50, 1, -1 do local _, v = coroutine.resume(cos[k]); assert(v == k + 1) end
collectgarbage()
for k = 1, 50 do local _, v = coroutine.resume(cos[k]); assert(v == k + 2 and coroutine.status(cos[k]) == 'dead') end
