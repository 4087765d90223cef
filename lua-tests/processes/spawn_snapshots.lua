-- test: processes
-- What a child begins with is as it was at the spawn, however much of it is taken once for many and made when it is touched.
local concurrent = require 'concurrent'
local main = concurrent.self()

local function ask(body, ...)
  concurrent.spawn(body, ...)
  local answer = concurrent.receive(10000)
  assert(answer, 'no answer')
  return answer
end

-- Globals between spawns: each child has its own moment.
state = { n = 0, deep = { deeper = { list = { 1, 2, 3 } } } }
local function look() concurrent.send(main, { state.n, #state.deep.deeper.list, extra, rawget(_G, 'gone') }) end
gone = 'still here'
local a = ask(look)
assert(a[1] == 0 and a[2] == 3 and a[3] == nil and a[4] == 'still here')
state.n = 1
a = ask(look)
assert(a[1] == 1 and a[2] == 3)
table.insert(state.deep.deeper.list, 4)
a = ask(look)
assert(a[1] == 1 and a[2] == 4)
extra, gone = 'x', nil
a = ask(look)
assert(a[3] == 'x' and a[4] == nil)
rawset(state, 'n', 2)
table.remove(state.deep.deeper.list)
table.remove(state.deep.deeper.list)
a = ask(look)
assert(a[1] == 2 and a[2] == 2)
table.sort(state.deep.deeper.list, function(x, y) return x > y end)
assert(ask(function() concurrent.send(main, { state.deep.deeper.list[1] }) end)[1] == 2)
table.move({ 9, 9, 9 }, 1, 3, 1, state.deep.deeper.list)
assert(ask(function() concurrent.send(main, { state.deep.deeper.list[1] }) end)[1] == 9)
setmetatable(state, { __index = { n2 = 'inherited' } })
assert(ask(function() concurrent.send(main, { state.n2 }) end)[1] == 'inherited')
getmetatable(state).__index = function(_, k) return k .. '?' end
assert(ask(function() concurrent.send(main, { state.n3 }) end)[1] == 'n3?')
setmetatable(state, nil)

-- Variables: open ones, which change without a store, closed ones, shared ones, joined ones.
local open = 1
local function count() return open end
function global_count() return open end
local function tell() concurrent.send(main, { count(), global_count() }) end
for i = 1, 3 do
  a = ask(tell)
  assert(a[1] == i and a[2] == i)
  open = open + 1
end
local function counter()
  local n = 0
  return function() n = n + 1 return n end, function() return n end
end
bump, read = counter()
for i = 1, 3 do
  assert(bump() == i)
  a = ask(function() concurrent.send(main, { read(), bump(), read() }) end)
  assert(a[1] == i and a[2] == i + 1 and a[3] == i + 1)
end
local _, other = counter()
debug.upvaluejoin(read, 1, other, 1)
assert(ask(function() concurrent.send(main, { read(), bump() }) end)[1] == 0)
debug.setupvalue(bump, 1, 40)
assert(ask(function() concurrent.send(main, { bump() }) end)[1] == 41)

-- Each of many closures has its own variable.
for i = 1, 20 do concurrent.spawn(function() concurrent.send(main, { i }) end) end
local sum = 0
for _ = 1, 20 do sum = sum + concurrent.receive(10000)[1] end
assert(sum == 210)

-- Identities hold between what is made when and how.
shared = { 1 }
holders = { { shared }, { shared, holders = true }, [shared] = 'as a key' }
setmetatable(holders[1], shared)
a = ask(function(arg)
  local first = holders[1][1]
  local same = first == shared and holders[2][1] == first and getmetatable(holders[1]) == first
  first.mark = 'marked'
  concurrent.send(main, { same, arg == first, holders[first], shared.mark, holders[2][1].mark, arg.mark })
end, shared)
assert(a[1] and a[2] and a[3] == 'as a key' and a[4] == 'marked' and a[5] == 'marked' and a[6] == 'marked')
assert(shared.mark == nil)

-- What was changed stays so, though only what is not touched yet leads to it.
box = { { value = 1 } }
far = { box }
a = ask(function()
  local b = far[1]
  b[1].value = 2
  b, far, shared, holders = nil, nil, nil, nil
  for _ = 1, 3 do collectgarbage() end
  local first = box[1].value
  concurrent.send(main, { first, collectgarbage('count') > 0 })
end)
assert(a[1] == 2)
a = ask(function()
  local inner = box[1]
  box = nil
  inner.value = 3
  inner = nil
  for i = 1, 5 do
    collectgarbage()
    local _ = { i }
  end
  concurrent.send(main, { far[1][1].value })
end)
assert(a[1] == 3)

-- Cycles, and lists that are touched one by one while others are collected.
ring = {}
ring.next = { back = ring, next = { home = ring } }
list = nil
for i = 1, 300 do list = { value = i, next = list } end
a = ask(function()
  local n, ok = 0, ring.next.next.home == ring and ring.next.back.next == ring.next
  while list do
    n, list = n + list.value, list.next
    if n % 7 == 0 then collectgarbage('step') end
  end
  concurrent.send(main, { ok, n })
end)
assert(a[1] and a[2] == 300 * 301 // 2)

-- Traversals, lengths and every kind of use of a table that was not touched before.
uses = {}
for i = 1, 12 do uses[i] = { 10, 20, 30, name = 'n' .. i, [2.5] = true } end
a = ask(function()
  local r = {}
  r[1] = #uses[1]
  for k, v in pairs(uses[2]) do r[2] = (r[2] or 0) + 1 end
  for _, v in ipairs(uses[3]) do r[3] = (r[3] or 0) + v end
  r[4] = next(uses[4]) == 1
  table.insert(uses[5], 40) r[5] = uses[5][4]
  uses[6].name = 'new' r[6] = uses[6].name .. #uses[6]
  r[7] = table.concat(uses[7], ',')
  r[8] = select('#', table.unpack(uses[8]))
  r[9] = rawlen(uses[9]) + rawget(uses[9], 2)
  uses[10][2.5] = nil r[10] = uses[10][2.5] == nil and uses[10][3] == 30
  r[11] = table.remove(uses[11])
  table.sort(uses[12], function(x, y) return x > y end) r[12] = uses[12][1]
  concurrent.send(main, r)
end)
assert(a[1] == 3 and a[2] == 5 and a[3] == 60 and a[4] and a[5] == 40 and a[6] == 'new3' and a[7] == '10,20,30')
assert(a[8] == 3 and a[9] == 23 and a[10] and a[11] == 30 and a[12] == 30)
assert(uses[6].name == 'n6' and #uses[5] == 3)

-- A message, a pattern, a metatable and a child's child of what was not touched.
concurrent.metatable('Point', Point or {})
untouched = { { kind = 'a' }, { __index = { x = 'from the metatable' } }, { kind = 'pattern' }, { 1, { 2 } } }
a = ask(function()
  local t = setmetatable({}, untouched[2])
  concurrent.send(concurrent.self(), { kind = 'other' })
  concurrent.send(concurrent.self(), { kind = 'pattern' })
  local found = concurrent.receive(1000, untouched[3])
  concurrent.spawn(function() concurrent.send(main, { t.x, found.kind, untouched[1].kind, untouched[4] }) end)
end)
assert(a[1] == 'from the metatable' and a[2] == 'pattern' and a[3] == 'a' and a[4][2][1] == 2)

-- Weak tables, finalizers and coroutines are copied as a whole; what comes after that is as before.
weak = setmetatable({}, { __mode = 'k' })
weak[shared] = 'kept'
a = ask(function() collectgarbage() concurrent.send(main, { weak[shared], next(weak) == shared }) end)
assert(a[1] == 'kept' and a[2])
weak = nil
co = coroutine.create(function() end)
a = ask(function() concurrent.send(main, { pcall(coroutine.resume, co), state.n }) end)
assert(a[1] == false and a[2] == 2)
co = nil
a = ask(function() concurrent.send(main, { co == nil, state.n }) end)
assert(a[1] and a[2] == 2)
local finalized = setmetatable({}, { __gc = function() concurrent.send(main, { 'finalized' }) end })
a = ask(function(f) f = nil end, finalized)
assert(a[1] == 'finalized')
modes = { __mode = 'v' }
a = ask(function()
  local w = setmetatable({}, modes)
  w[1] = {}
  collectgarbage()
  concurrent.send(main, { w[1] == nil })
end)
assert(a[1])

-- A chain, in which each spawns the next.
local function chain(n)
  state.n = state.n + 1
  if n == 0 then concurrent.send(main, { state.n }) else concurrent.spawn(chain, n - 1) end
end
a = ask(chain, 50)
assert(a[1] == 53 and state.n == 2)

-- What a child has not written to, it passes on; identities hold between that and what it has made or was given.
shared, holders = { 'shared' }, {}
holders[1] = { of = shared }
a = ask(function(given)
  local own = { given.inner, shared = false }
  concurrent.spawn(function(a1)
    local same = holders[1].of == shared and a1.inner.of == shared and own[1] == a1.inner
    own[1].of.mark = true
    concurrent.send(main, { same, shared.mark, holders[1].of.mark, #own })
  end, given)
end, { inner = { of = shared } })
assert(a[1] and a[2] and a[3] and a[4] == 1)
a = ask(function()
  local function grandchild() concurrent.send(main, { shared[1], holders[1].of == shared }) end
  shared[1] = 'written'
  concurrent.spawn(grandchild)
end)
assert(a[1] == 'written' and a[2])
function generation(n)
  if n > 0 then return concurrent.spawn(generation, n - 1) end
  concurrent.send(main, { holders[1].of == shared, shared[1], n })
end
a = ask(generation, 30)
assert(a[1] and a[2] == 'shared' and a[3] == 0)
a = ask(function()
  local keys = {}
  keys[shared] = 'serial'
  concurrent.spawn(function() concurrent.send(main, { keys[shared], keys[holders[1].of] }) end)
end)
assert(a[1] == 'serial' and a[2] == 'serial')
