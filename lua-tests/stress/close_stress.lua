-- To-be-closed variables with errors in the middle, in depth and in coroutines.

local log
local function res(n, fail)
  return setmetatable({ n = n }, { __close = function(o, e)
    log[#log + 1] = o.n .. (e and ('(' .. tostring(e) .. ')') or '')
    if fail then error('e' .. o.n, 0) end
  end })
end
local function expect(s) local g = table.concat(log, ' '); assert(g == s, g) end

-- every second one fails; each sees the error of the one before
log = {}
local ok, e = pcall(function()
  local a <close> = res(1)
  local b <close> = res(2, true)
  local c <close> = res(3)
  local d <close> = res(4, true)
  local f <close> = res(5)
  error('start', 0)
end)
assert(not ok and e == 'e2')
expect '5(start) 4(start) 3(e4) 2(e4) 1(e2)'

-- through many levels of calls
log = {}
local function level(n)
  local r <close> = res(n, n % 5 == 0)
  if n == 0 then error('bottom', 0) end
  level(n - 1)
  return n
end
ok, e = pcall(level, 12)
assert(not ok and e == 'e10')
expect '0(bottom) 1(e0) 2(e0) 3(e0) 4(e0) 5(e0) 6(e5) 7(e5) 8(e5) 9(e5) 10(e5) 11(e10) 12(e10)'

-- in loops, with break and return
log = {}
local function loop()
  for i = 1, 3 do
    local r <close> = res(i)
    for j = 1, 2 do
      local q <close> = res(i .. j)
      if j == 2 then break end
    end
    if i == 2 then return 'left' end
  end
end
assert(loop() == 'left')
expect '11 12 1 21 22 2'

-- a handler that opens and closes others
log = {}
do
  local outer <close> = setmetatable({}, { __close = function()
    local inner <close> = res 'inner'
    log[#log + 1] = 'outer'
  end })
end
expect 'outer inner'

-- errors caught inside a handler do not come out
log = {}
ok, e = pcall(function()
  local a <close> = setmetatable({}, { __close = function() log[#log + 1] = tostring(pcall(error, 'x')) end })
  local b <close> = res 'b'
  return 'value'
end)
assert(ok and e == 'value')
expect 'b false'

-- garbage collection in handlers
log = {}
for i = 1, 5 do
  local r <close> = setmetatable({}, { __close = function() collectgarbage(); log[#log + 1] = i end })
  local junk = { {}, {} }
end
expect '1 2 3 4 5'

-- coroutines abandoned in the middle and closed in turn
log = {}
local cos = {}
for i = 1, 10 do
  cos[i] = coroutine.create(function()
    local r <close> = res('c' .. i, i % 3 == 0)
    coroutine.yield()
  end)
  coroutine.resume(cos[i])
end
for i = 10, 1, -1 do
  local okc, ec = coroutine.close(cos[i])
  assert(okc == (i % 3 ~= 0) and (okc or ec == 'ec' .. i))
end
expect 'c10 c9 c8 c7 c6 c5 c4 c3 c2 c1'

-- a hundred in one block
log = {}
local src = {}
for i = 1, 100 do src[i] = ('local r%d <close> = ...'):format(i) end
load('local res = ... ' .. table.concat(src, ' '):gsub('%.%.%.', 'res()'))(function() return res '.' end)
assert(#log == 100)
