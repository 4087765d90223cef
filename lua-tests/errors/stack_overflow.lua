-- Stack overflow: an error that can be caught, with the rest of the program intact.

local function overflow(f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok)
  assert(type(e) == 'string' and e:find('stack overflow', 1, true), e)
end

local function deep(n) return 1 + deep(n + 1) end
overflow(deep, 1)

-- through metamethods
local t = setmetatable({}, { __index = function(s, k) return s[k + 1] .. '' end })
ok, e = pcall(function() return t[1] end)
assert(not ok and e:find('overflow', 1, true))
local add = setmetatable({}, { __add = function(x, y) return (x + y) .. '' end })
ok, e = pcall(function() return add + 1 end)
assert(not ok and e:find('overflow', 1, true))

-- the stack can be used again
local function sum(n) if n == 0 then return 0 end return n + sum(n - 1) end
assert(sum(1000) == 500500)

-- tail calls do not overflow
local function tail(n) if n == 0 then return 'end' end return tail(n - 1) end
assert(tail(20000) == 'end')

-- there is room for a message handler, every time
local function text(m) return (m:gsub('^.-:%d+: ', '')) end
for _ = 1, 2 do
  local handled, m = xpcall(deep, function(e) return text(e) .. ', handled' end, 1)
  assert(not handled and m == 'stack overflow, handled', m)
end

-- a __close that fails during an unwinding has the handler of the call that failed
local function closer() return setmetatable({}, { __close = function() error('in close', 0) end }) end
local function h(m) return 'handled ' .. tostring(m) end
local _, m = xpcall(function() local c <close> = closer() error('body', 0) end, h)
assert(m == 'handled in close', m)
xpcall(function()
  local _, inner = pcall(function() local c <close> = closer() error('body', 0) end)
  assert(inner == 'in close', inner)
end, h)

-- an overflow while one is handled is an error in error handling
xpcall(deep, function()
  local _, m = pcall(deep, 1)
  assert(m == 'error in error handling', m)
end, 1)

-- finalizers wait until there is room for them again
local finalized = 0
for _ = 1, 10 do setmetatable({}, { __gc = function() finalized = finalized + 1 end }) end
for _ = 1, 2 do overflow(deep, 1) end
collectgarbage()
assert(finalized == 10)
