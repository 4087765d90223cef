-- Garbage collection: cycles through tables, closures, coroutines, metatables; nothing alive is lost.

local alive = setmetatable({}, { __mode = 'k' })
local function count() local n = 0; for _ in pairs(alive) do n = n + 1 end return n end

local function cycles()
  for i = 1, 10 do
    local a, b = {}, {}
    a.b, b.a = b, a
    a.self = a
    alive[a], alive[b] = true, true
    local f
    f = function() return f, a end
    alive[f] = true
    local co
    co = coroutine.create(function(x) local keep = co; coroutine.yield(x); return keep end)
    coroutine.resume(co, co)
    alive[co] = true
    local mt = {}
    mt.__index = mt
    alive[setmetatable(mt, mt)] = true
  end
end
cycles()
collectgarbage()
collectgarbage()
assert(count() == 0, count())

-- structures that stay
local keep = {}
for i = 1, 100 do
  local node = { i = i, prev = keep[i - 1] }
  node.get = function() return node.i end
  keep[i] = node
  alive[node] = true
end
collectgarbage()
assert(count() == 100)
for i = 1, 100 do assert(keep[i].get() == i and (i == 1 or keep[i].prev == keep[i - 1])) end
for i = 1, 100, 2 do keep[i] = nil end
for i = 2, 100, 2 do keep[i].prev = nil end
collectgarbage()
assert(count() == 50)

-- suspended coroutines keep their locals
local co = coroutine.wrap(function()
  local hidden = {}
  alive[hidden] = true
  coroutine.yield()
  return hidden
end)
co()
collectgarbage()
assert(count() == 51)
local h = co()
assert(alive[h])
h, co, keep = nil, nil, nil
collectgarbage()
collectgarbage()
assert(count() == 0)

-- a lot of garbage with survivors in between
local survivors = {}
for i = 1, 500 do
  local junk = { { {} }, ('s'):rep(i % 20), function() return i end }
  if i % 50 == 0 then survivors[#survivors + 1] = junk end
end
assert(#survivors == 10)
for k, s in ipairs(survivors) do assert(#s[2] == (k * 50) % 20 and s[3]() == k * 50 and #s[1] == 1) end

-- in generational mode
collectgarbage 'generational'
local old = { list = {} }
for i = 1, 100 do old.list[i] = { i }; if i % 25 == 0 then collectgarbage 'step' end end
for i = 1, 100 do assert(old.list[i][1] == i) end
collectgarbage 'incremental'
