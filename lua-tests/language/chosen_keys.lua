-- Keys that were chosen to have one hash cost little more than others, whatever their type, and tables of them behave
-- as all tables do.

-- Integers whose fixed hashes have the same low 13 bits; floats of the same; strings with the same hash.
local function integer(i) return i * (66557611 << 25) end
local function float(i) return i * (276778813 << 10) + 0.5 end
local function short(i) return string.pack('<i8i4', 0x2d358dccaa6c78a5 ~ 0x8bb84b93962eacc9 ~ 12, i) end
local function word(i) return string.pack('<i8i8', 16, i) end
local function long(i) return string.pack('<i8i8', 66, i) .. ('.'):rep(50) end

local function check(key, n)
  local t, keys = {}, {}
  for i = 1, n do
    keys[i] = key(i)
    t[keys[i]] = i
  end
  for i = 1, n do assert(t[keys[i]] == i) end
  for i = 1, n do assert(t[key(i)] == i) end
  for i = n + 1, n + 50 do assert(t[key(i)] == nil and rawget(t, key(i)) == nil) end
  local seen, sum = 0, 0
  for k, v in pairs(t) do
    assert(k == keys[v])
    seen, sum = seen + 1, sum + v
    -- Entries may go during a traversal, and come back.
    t[k] = nil
    if v % 3 == 0 then t[k] = v end
  end
  assert(seen == n and sum == n * (n + 1) // 2)
  for i = 1, n do assert(t[keys[i]] == (i % 3 == 0 and i or nil)) end
  -- Names, places of a list and objects as in any table.
  t.name, t[1], t[2], t[true], t[t], t[print] = 'named', 'one', 'two', 'yes', 'itself', 'native'
  assert(t.name == 'named' and t[1] == 'one' and t[2.0] == 'two' and t[true] == 'yes' and t[t] == 'itself' and t[print] == 'native')
  assert(t.nothing == nil and t[3] == nil and t[0.5] == nil and t[false] == nil and t[{}] == nil and t[pairs] == nil and #t == 2)
  t.name = nil
  assert(t.name == nil and next(t) ~= nil)
  setmetatable(t, { __index = function(_, k) return 'made ' .. k end, __newindex = function(o, k, v) rawset(o, k, v .. '!') end })
  assert(t.name == 'made name' and t[-1] == 'made -1' and t[keys[3]] == 3 and t[2] == 'two')
  t.other, t[keys[3]] = 'x', 'y'
  assert(t.other == 'x!' and t[keys[3]] == 'y')
  -- Methods of a class with such names.
  local class = { __index = t }
  rawset(t, 'method', function(self) return self.field end)
  assert(setmetatable({ field = 7 }, class):method() == 7)
  setmetatable(t, nil)
  for k in pairs(t) do t[k] = nil end
  assert(next(t) == nil and #t == 0)
  for i = 1, n do t[i] = i end
  assert(#t == n and t[n] == n)
end
for _, key in ipairs { integer, float, short, word, long } do check(key, 60) end

-- Globals, which are fields of a table, too.
local globals = setmetatable({}, { __index = _G })
for i = 1, 60 do globals[word(i)] = i end
assert(load([[a, b = 1, 2; local function f() return a + b + #string.rep('x', 3) end; c = nil; return f(), c, d]], '=g', 't', globals)() == 6)

-- Weak tables lose what goes.
local weak, kept = setmetatable({}, { __mode = 'k' }), {}
for i = 1, 60 do
  weak[integer(i)] = i
  local object = {}
  weak[object] = i
  if i % 2 == 0 then kept[#kept + 1] = object end
end
collectgarbage()
local objects, numbers = 0, 0
for k in pairs(weak) do
  if type(k) == 'table' then objects = objects + 1 else numbers = numbers + 1 end
end
assert(objects == 30 and numbers == 60)

-- Time, with wide margins: a second for each of them would show what is wrong.
local function fill(key)
  local t, start = {}, os.clock()
  for i = 1, 8000 do t[key(i)] = i end
  return os.clock() - start
end
local function best(key)
  local least = math.huge
  for _ = 1, 3 do least = math.min(least, fill(key)) end
  return least
end
local chosen, other = best(integer), best(function(i) return i * 1000003 end)
assert(chosen < 10 * other + 0.02, ('%.4f s, and %.4f s for other keys'):format(chosen, other))
