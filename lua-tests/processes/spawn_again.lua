-- test: processes
-- A function that is spawned again begins with what it reaches as it is at that moment, whatever was written in between.
local concurrent = require 'concurrent'
local root = concurrent.self()

-- what a child tells of itself
local function told()
  concurrent.loop()
  return concurrent.receive(0)
end
local function bodies()
  local count, list, text = 0, { 1 }, 'one'
  local function set(c, t) count, text = c, t end
  local function body(argument) concurrent.send(root, { count, #list, text, argument, math.type(count) }) end
  return body, set, list
end
local function check(m, ...)
  local expected = table.pack(...)
  for i = 1, expected.n do assert(m[i] == expected[i], ('%d: %s'):format(i, m[i])) end
end

-- another one first: it is taken together with the globals
concurrent.spawn(function() end)

for round = 1, 2 do
  local body, set, list = bodies()
  for i = 1, 4 do
    concurrent.spawn(body, i)
    check(told(), 0, 1, 'one', i, 'integer')
  end
  set(1, 'two')
  concurrent.spawn(body, true)
  check(told(), 1, 1, 'two', true, 'integer')
  -- equal, and not the same
  set(1.0, 'two')
  concurrent.spawn(body, nil)
  check(told(), 1.0, 1, 'two', nil, 'float')
  list[#list + 1] = 2
  concurrent.spawn(body, 'x')
  check(told(), 1.0, 2, 'two', 'x', 'float')
  if round == 2 then collectgarbage() end
  for i = 1, 3 do concurrent.spawn(body, i) check(told(), 1.0, 2, 'two', i) end
  -- arguments of which some are objects
  local t = { 5 }
  concurrent.spawn(body, t)
  local m = told()
  check(m, 1.0, 2, 'two')
  assert(m[4] ~= t and m[4][1] == 5)
end

-- variables that live in the stack still
do
  local open = 1
  local function body()
    if math.type(open) == nil then return concurrent.send(root, tostring(open):match '^unusable coroutine') end
    concurrent.send(root, { open, math.type(open) })
  end
  for i = 1, 3 do concurrent.spawn(body) check(told(), 1, 'integer') end
  open = 1.0
  concurrent.spawn(body)
  check(told(), 1, 'float')
  open = -0.0
  concurrent.spawn(body)
  assert(1 / told()[1] < 0)
  open = 0.0
  concurrent.spawn(body)
  assert(1 / told()[1] > 0)
  for i = 1, 3 do
    open = i
    concurrent.spawn(body)
    check(told(), i, 'integer')
  end
  -- it comes to reach what cannot be passed on
  open = coroutine.create(function() end)
  for _ = 1, 3 do
    concurrent.spawn(body)
    assert(told() == 'unusable coroutine')
  end
  open = 7
  concurrent.spawn(body)
  check(told(), 7, 'integer')
end

-- the same of what globals reach
do
  local open = 1
  function global_body() concurrent.send(root, { open, math.type(open) }) end
  for _ = 1, 2 do concurrent.spawn(global_body) check(told(), 1, 'integer') end
  open = 1.0
  concurrent.spawn(global_body)
  check(told(), 1, 'float')
  global_body = nil
end

-- many functions in turn, and those that are spawned once
for i = 1, 50 do
  local first, second = function() concurrent.send(root, i) end, function(x) concurrent.send(root, i + x) end
  for _ = 1, 3 do
    concurrent.spawn(first)
    assert(told() == i)
    concurrent.spawn(second, 1)
    assert(told() == i + 1)
  end
end

-- a process spawns what it was spawned with itself, and what that reaches has changed or not
do
  local seen = { 0 }
  local function body(depth, writes)
    if writes then seen[1] = seen[1] + 1 seen[#seen + 1] = depth end
    if depth == 0 then return concurrent.send(root, seen) end
    concurrent.spawn(body, depth - 1, writes)
  end
  concurrent.spawn(body, 5, false)
  check(told(), 0, nil)
  concurrent.spawn(body, 3, true)
  check(told(), 4, 3, 2, 1, 0)
  check(seen, 0, nil)
end

-- methods of strings, which nobody has used before
do
  local function uses(depth)
    if depth > 0 then return concurrent.spawn(uses, depth - 1) end
    concurrent.send(root, { ('ab'):rep(2), getmetatable('').__index == string })
  end
  for depth = 0, 2 do
    concurrent.spawn(uses, depth)
    check(told(), 'abab', true)
  end
  concurrent.spawn(function() collectgarbage() collectgarbage() uses(0) end)
  check(told(), 'abab', true)
  concurrent.spawn(function() getmetatable('').__index = { rep = function() return 'own' end } uses(0) end)
  check(told(), 'own', false)
  local function without(depth)
    if depth == 1 then debug.setmetatable('', nil) return concurrent.spawn(without, 0) end
    concurrent.send(root, { getmetatable('') == nil, pcall(function() return ('x'):rep(2) end) })
  end
  concurrent.spawn(without, 1)
  check(told(), true, false)
  concurrent.spawn(without, 0)
  check(told(), false, true, 'xx')
end
