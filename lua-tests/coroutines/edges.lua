-- coroutine: arguments and results of each function in every state.

local function list(...) local t = table.pack(...) for i = 1, t.n do t[i] = tostring(t[i]) end return table.concat(t, ',') end

-- status: suspended, running, normal, dead
local outer, inner, seen = nil, nil, {}
outer = coroutine.create(function()
  inner = coroutine.create(function()
    seen[1], seen[2] = coroutine.status(outer), coroutine.status(inner)
    seen[3] = list(coroutine.resume(outer))
    seen[4] = list(coroutine.resume(inner))
    seen[5] = list(pcall(coroutine.close, outer)):gsub(':.*:', ':')
  end)
  assert(coroutine.status(inner) == 'suspended')
  coroutine.resume(inner)
  seen[6] = coroutine.status(inner)
  coroutine.yield()
end)
assert(coroutine.status(outer) == 'suspended' and coroutine.resume(outer) and coroutine.status(outer) == 'suspended')
assert(table.concat(seen, ';') == 'normal;running;false,cannot resume non-suspended coroutine;false,cannot resume non-suspended coroutine;false,cannot close a normal coroutine;dead', table.concat(seen, ';'))
assert(coroutine.resume(outer) and coroutine.status(outer) == 'dead' and list(coroutine.resume(outer)) == 'false,cannot resume dead coroutine')

-- running and isyieldable
local main, is_main = coroutine.running()
assert(type(main) == 'thread' and coroutine.status(main) == 'running' and select('#', coroutine.running()) == 2)
coroutine.wrap(function()
  local me, m = coroutine.running()
  assert(me ~= main and m == false and coroutine.isyieldable() and coroutine.status(main) == 'normal')
end)()
local sleeping = coroutine.create(function() coroutine.yield() end)
assert(select('#', coroutine.isyieldable()) == 1 and coroutine.isyieldable(sleeping))

-- resume and yield pass any number of values both ways
local co = coroutine.create(function(...)
  local t = table.pack(...)
  while true do t = table.pack(coroutine.yield(table.unpack(t, 1, t.n))) if t[1] == 'end' then return table.unpack(t, 1, t.n) end end
end)
assert(list(coroutine.resume(co)) == 'true' and list(coroutine.resume(co, nil, nil)) == 'true,nil,nil' and list(coroutine.resume(co, 1, 2, 3)) == 'true,1,2,3' and list(coroutine.resume(co, 'end', nil)) == 'true,end,nil' and coroutine.status(co) == 'dead')
local many = coroutine.wrap(function(...) return select('#', coroutine.yield(...)) end)
assert(select('#', many(table.unpack({}, 1, 200))) == 200 and many(table.unpack({}, 1, 150)) == 150)

-- an error ends it; the value comes back as it was
local object = {}
co = coroutine.create(function() error(object) end)
local ok, e = coroutine.resume(co)
assert(not ok and e == object and coroutine.status(co) == 'dead' and list(coroutine.close(co)):match '^false,table: ' and list(coroutine.close(co)) == 'true')
assert(list(coroutine.resume(coroutine.create(error))) == 'false,nil' and list(coroutine.resume(coroutine.create(error), 'm', 0)) == 'false,m')

-- close: suspended before its start, in a yield, dead by its end
co = coroutine.create(type)
assert(list(coroutine.close(co)) == 'true' and coroutine.status(co) == 'dead' and list(coroutine.resume(co)) == 'false,cannot resume dead coroutine')
local log = {}
local function closing(name, err) return setmetatable({}, { __close = function(_, m) log[#log + 1] = name .. ':' .. tostring(m) if err then error(err, 0) end end }) end
co = coroutine.create(function()
  local a <close> = closing 'a'
  local b <close> = closing('b', 'of b')
  local c <close> = closing 'c'
  coroutine.yield()
end)
coroutine.resume(co)
assert(list(coroutine.close(co)) == 'false,of b' and table.concat(log, ' ') == 'c:nil b:nil a:of b' and coroutine.status(co) == 'dead' and list(coroutine.close(co)) == 'true')
co = coroutine.create(function() return 1 end)
coroutine.resume(co)
assert(list(coroutine.close(co)) == 'true')

-- wrap: results without a status, errors are raised with a position
local gen = coroutine.wrap(function(...) local x = ... while true do x = coroutine.yield(x) end end)
assert(gen(1) == 1 and gen(2) == 2 and list(gen(nil)) == 'nil')
local fails = coroutine.wrap(function() error 'inside' end)
ok, e = pcall(fails)
assert(not ok and e:match 'edges.lua:%d+: inside$', e)
ok, e = pcall(fails)
assert(not ok and e:match 'cannot resume dead coroutine$')
fails = coroutine.wrap(function() error(object) end)
ok, e = pcall(fails)
assert(e == object)
-- an error in wrap closes what is pending
log = {}
ok, e = pcall(coroutine.wrap(function() local a <close> = closing 'w' error('x', 0) end))
assert(not ok and e:match 'x$' and log[1] == 'w:x')

-- yield at any depth, in iterators, metamethods, pcall; not from the outside
local deep = coroutine.wrap(function() local function f(n) if n == 0 then coroutine.yield 'bottom' return 'up' end return (f(n - 1)) end return f(50) end)
assert(deep() == 'bottom' and deep() == 'up')
local mixed = coroutine.wrap(function()
  local t = setmetatable({}, { __index = function(_, k) return coroutine.yield(k) end, __add = function(a, b) return coroutine.yield 'add' end })
  local x = t.key
  local y = t + 1
  for v in function() return coroutine.yield 'iterator' end do x = x .. v end
  return pcall(function() return coroutine.yield 'pcall', x, y end)
end)
assert(mixed() == 'key' and mixed 'X' == 'add' and mixed 'Y' == 'iterator' and mixed '1' == 'iterator' and mixed(nil) == 'pcall' and list(mixed 'P') == 'true,P,X1,Y')

-- a coroutine in a table key, compared, collected
local set = { [sleeping] = true }
assert(set[sleeping] and sleeping == sleeping and sleeping ~= co)
for _ = 1, 20 do coroutine.resume(coroutine.create(function() coroutine.yield {} end)) end
collectgarbage()
