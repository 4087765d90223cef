-- test: processes
-- What a spawner writes between two spawns, in variables, metatables and functions, with collections in between.
local concurrent = require 'concurrent'
local main = concurrent.self()

-- Many children that all look late, in any order: at slots, nodes, lengths and what was added since.
local function check(n, write, look)
  local waiting = {}
  for i = 1, n do
    write(i)
    waiting[i] = concurrent.spawn(function()
      concurrent.receive()
      concurrent.send(main, { i, look(i) })
    end)
  end
  for i = 1, n do concurrent.send(waiting[(i * 7) % n + 1], 'now') end
  for _ = 1, n do
    local answer = concurrent.receive(20000)
    assert(answer, 'no answer')
    assert(answer[2], 'child ' .. answer[1])
  end
end

-- Variables, metatables, library tables, functions that are given others.
local shown = 0
local function show() return shown end
class = {}
object = setmetatable({}, class)
local function counter() local n = 0 return function() n = n + 1 return n end, function() return n end end
bump, value = counter()
check(40, function(i)
  shown = i
  class.__index = i % 3 == 0 and { of = i } or function(_, k) return i end
  if i == 20 then setmetatable(object, { __index = class }) class.of = 20 end
  if i > 20 then class.of = i end
  string.extra = i
  bump()
end, function(i)
  return show() == i and object.of == i and string.extra == i and (''):len() == 0 and value() == i and bump() == i + 1
end)

-- Identities hold whichever way is gone first.
shared = {}
for i = 1, 300 do shared[i] = { of = {} } end
check(25, function(i)
  local new = { of = shared[i].of }
  shared[i], shared[300 - i] = new, new
  shared[new.of] = new
end, function(i)
  for k = 1, i do
    if shared[k] ~= shared[300 - k] or shared[shared[k].of] ~= shared[k] then return false end
  end
  return rawequal(shared[i].of, shared[300 - i].of) and next(shared, shared[i].of) ~= false
end)

-- Collections in between, in the spawner and in the children; and a table that becomes weak by what is written to another.
meta, cache = {}, nil
cache = setmetatable({}, meta)
kept = {}
check(30, function(i)
  if i % 4 == 0 then collectgarbage() end
  kept[i] = { i }
  cache[i] = kept[i]
  if i == 15 then meta.__mode = 'v' end
  if i == 25 then meta.__mode = nil end
end, function(i)
  local gone = {}
  cache.gone, gone = gone, nil
  collectgarbage()
  local is_weak = i >= 15 and i < 25
  return cache[i] == kept[i] and (cache.gone == nil) == is_weak and #kept == i
end)

-- One that keeps what it began with while its spawner goes on for long.
n, list, large = 0, {}, {}
for i = 1, 300 do large[i] = i end
local old = concurrent.spawn(function()
  concurrent.receive()
  concurrent.send(main, { n, #list, large[300] })
end)
for i = 1, 600 do
  n, large[300] = i, -i
  list[#list % 50 + 1] = i
  if i % 3 == 0 then concurrent.spawn(function() end) end
end
concurrent.send(old, 'now')
local answer = concurrent.receive(20000)
assert(answer[1] == 0 and answer[2] == 0 and answer[3] == 300)

-- A chain in which each writes what it was given, and passes it on.
depth = 0
log = {}
for i = 1, 300 do log[i] = 0 end
function go_on(left)
  depth = depth + 1
  log[depth] = left
  if left > 0 then return concurrent.spawn(go_on, left - 1) end
  local ok = depth == 41
  for i = 1, 41 do ok = ok and log[i] == 41 - i end
  concurrent.send(main, { ok and log[42] == 0 })
end
concurrent.spawn(go_on, 40)
assert(concurrent.receive(20000)[1])
assert(depth == 0 and log[1] == 0)
