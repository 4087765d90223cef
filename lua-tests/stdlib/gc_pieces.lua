-- A collection is done in pieces, and the program goes on in between: nothing that it still reaches may be lost, whatever
-- it moves where; what it does not reach goes.

-- "step" ends a cycle at some time, and says so
collectgarbage()
local steps = 0
local ballast = {}
for i = 1, 9000 do ballast[i] = { i } end
repeat steps = steps + 1 until collectgarbage('step', 0)
ballast = nil
assert(collectgarbage('step', 1 << 20) == true)

-- Runs `change` again and again while collections go on.
local function while_collecting(change)
  collectgarbage()
  for _ = 1, 3 do
    local n = 0
    repeat n = n + 1 change(n) until collectgarbage('step', 0)
  end
end

-- what was seen takes new values: fields, array slots, new keys, metatables, upvalues
local holder, list, object = {}, {}, setmetatable({ value = 0 }, { __index = {} })
local made = 0
local captured
local function set(v) captured = v end
local function get() return captured end
while_collecting(function(n)
  made = made + 1
  holder.field = { made }
  list[#list % 100 + 1] = { made }
  holder[{}] = { made }
  holder['key' .. n % 100] = { made }
  holder['key' .. n % 100 .. 'long enough to be no atom, and for each number another string'] = 'value' .. made
  rawset(holder, n % 50, { made })
  object.value = { made }
  setmetatable(list, { __name = 'list' .. made })
  set({ made })
  assert(get()[1] == made and holder.field[1] == made and object.value[1] == made)
  assert(getmetatable(list).__name == 'list' .. made)
  table.insert(list, 1, { made })
  table.remove(list, #list // 2)
  table.move(list, 1, #list // 3, #list // 2)
  local moved = table.pack(table.unpack(list, 1, 30))
  list[#list] = moved[1]
end)
for k, v in pairs(holder) do
  assert(type(k) ~= 'table' or type(v) == 'table' and type(v[1]) == 'number')
  assert(type(k) ~= 'string' or #k < 20 or v:find('^value%d+$'))
end
for _, v in ipairs(list) do assert(type(v[1]) == 'number') end

-- a value that moves from what was not seen to what was
local from, to = {}, {}
for i = 1, 1200 do from[i] = { i } end
while_collecting(function(n)
  for i = n, #from, 97 do
    to[i], from[i] = from[i] or to[i], false
    from[i], to[i] = to[i], from[i]
    if i % 2 == 0 then to[i], from[i] = from[i], nil else to[i] = nil end
  end
  for i = 1, 1200 do from[i] = from[i] or to[i] to[i] = nil end
end)
for i = 1, 1200 do assert((from[i] or to[i])[1] == i) end

-- a large table that grows while it is looked at in parts, by keys that push others aside
local large = {}
for i = 1, 1100 do large['k' .. i] = { i } end
local extra = 1100
while_collecting(function()
  for _ = 1, 20 do
    extra = extra + 1
    large['k' .. extra] = { extra }
    large[extra * 7.5] = { extra }
    large[extra - 1100] = { extra }
  end
end)
for i = 1, extra do assert(large['k' .. i][1] == i) end
for i = 1101, extra do assert(large[i * 7.5][1] == i and large[i - 1100][1] == i) end

-- coroutines that run, wait and end; their variables, open and closed, changed from outside
local threads, setters, getters = {}, {}, {}
for i = 1, 300 do
  threads[i] = coroutine.wrap(function(v)
    local kept = { v }
    setters[i] = function(x) kept = { x } end
    getters[i] = function() return kept[1] end
    while true do
      local new = coroutine.yield(kept[1])
      if new == 'end' then return end
      kept = { new }
    end
  end)
  threads[i](i)
end
while_collecting(function(n)
  for i = n % 7 + 1, 300, 7 do
    local v = n * 1000 + i
    if i % 3 == 0 and threads[i] then
      threads[i](v)
    elseif i % 3 == 1 then
      setters[i](v)
    elseif threads[i] and i % 5 == 0 then
      threads[i]('end')
      threads[i] = false
      v = nil
    else
      v = nil
    end
    assert(not v or getters[i]() == v)
  end
end)
for i = 1, 300 do assert(type(getters[i]()) == 'number') end

-- debug: locals and variables of others
local thread = coroutine.create(function()
  local kept = { 0 }
  while true do coroutine.yield(kept) end
end)
coroutine.resume(thread)
local function f() return captured end
local function g() return made end
while_collecting(function(n)
  debug.setlocal(thread, 1, 1, { n })
  debug.setupvalue(get, 1, { n })
  local value = { n }
  debug.upvaluejoin(f, 1, function() return value end, 1)
  assert(f()[1] == n and get()[1] == n)
  local _, kept = coroutine.resume(thread)
  assert(kept[1] == n)
end)
assert(type(g()) == 'number' and type(f()[1]) == 'number')

-- a table that was weak and is not any more keeps what it holds, and one that becomes weak loses it
local weak = setmetatable({}, { __mode = 'k' })
local strong = {}
for i = 1, 100 do weak[{}] = i strong[{}] = i end
collectgarbage('step', 0)
setmetatable(weak, nil)
collectgarbage('step', 1 << 20)
local n = 0
for _ in pairs(weak) do n = n + 1 end
collectgarbage()
for _ in pairs(weak) do n = n - 1 end
assert(n == 0)
setmetatable(strong, { __mode = 'k' })
collectgarbage()
assert(next(strong) == nil)

-- ephemerons that hang on each other in the worst order take no longer than others
local chain = setmetatable({}, { __mode = 'k' })
local first = {}
do
  local key = first
  local keys = {}
  for i = 1, 2000 do keys[i] = {} end
  for i = 2000, 2, -1 do chain[keys[i - 1]] = keys[i] end
  chain[key] = keys[1]
end
collectgarbage()
n = 0
for _ in pairs(chain) do n = n + 1 end
assert(n == 2000)
first = nil
collectgarbage()
assert(next(chain) == nil)

-- many objects with a finalizer; the order is that of their metatables' setting, backwards
local order = {}
local finalized = { __gc = function(o) order[#order + 1] = o[1] end }
local dying = {}
for i = 1, 1000 do dying[i] = setmetatable({ i }, finalized) end
dying = nil
collectgarbage()
assert(#order == 1000)
for i = 1, 1000 do assert(order[i] == 1001 - i) end

-- a finalizer that keeps its object, and all that it refers to
local saved = {}
local saver = { __gc = function(o) saved[#saved + 1] = o end }
dying = {}
for i = 1, 100 do dying[i] = setmetatable({ { { i } } }, saver) end
dying = nil
while_collecting(function(i) holder.field = { i } end)
collectgarbage()
assert(#saved == 100)
for i = 1, 100 do assert(saved[i][1][1][1] == 101 - i) end

-- stopped in the middle, it goes on when it is told to
collectgarbage('step', 0)
collectgarbage('stop')
for i = 1, 1000 do list[i] = { i } end
assert(not collectgarbage('isrunning'))
collectgarbage('restart')
for i = 1, 1000 do list[i + 1000] = { i } end
collectgarbage()
for i = 1, 1000 do assert(list[i][1] == i and list[i + 1000][1] == i) end
