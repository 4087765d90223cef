-- xpcall: handlers, arguments, tracebacks, errors in handlers.

local ok, v = xpcall(function(a, b) return a + b end, print, 1, 2)
assert(ok and v == 3)
assert(select('#', xpcall(function() return nil, nil end, print)) == 3)

-- the handler's result replaces the error
ok, v = xpcall(error, function(m) return '<' .. m .. '>' end, 'e', 0)
assert(not ok and v == '<e>')
local t = {}
ok, v = xpcall(error, function(m) return m end, t)
assert(v == t)
ok, v = xpcall(function() local x; return x.y end, function(m) return #m end)
assert(not ok and math.type(v) == 'integer')

-- only one result; none is nil
assert(select('#', xpcall(error, function() return 1, 2, 3 end)) == 2)
ok, v = xpcall(error, function() end)
assert(not ok and v == nil)

-- the handler runs before the stack is unwound
local depth
local function deep(n) if n == 0 then error 'bottom' end deep(n - 1) return n end
ok, v = xpcall(deep, function(m)
  depth = 0
  while debug.getinfo(depth + 1, 'l') do depth = depth + 1 end
  return m
end, 10)
assert(not ok and depth > 11)
local seen
xpcall(function() local hidden = 'visible'; error 'x' end, function()
  for i = 1, 10 do
    local n, val = debug.getlocal(3, i)
    if n == 'hidden' then seen = val end
    if not n then break end
  end
end)
assert(seen == 'visible')

-- to-be-closed variables are closed after the handler
local order = {}
xpcall(function()
  local c <close> = setmetatable({}, { __close = function() order[#order + 1] = 'close' end })
  error 'e'
end, function() order[#order + 1] = 'handler' end)
assert(table.concat(order, ' ') == 'handler close')

-- debug.traceback as handler
ok, v = xpcall(deep, debug.traceback, 2)
assert(v:find('bottom\nstack traceback:\n', 1, true) and v:find("in function 'error'", 1, true) and v:find("in upvalue 'deep'", 1, true))
ok, v = xpcall(error, debug.traceback, t)
assert(v == t)                                     -- only strings get a traceback

-- an error in the handler ends in a status, not in a crash
ok, v = xpcall(error, function() error 'again' end, 'first')
assert(ok == false)

-- nested
ok, v = xpcall(function()
  local ok2, v2 = xpcall(error, function(m) return 'inner ' .. m end, 'a')
  error(v2, 0)
end, function(m) return 'outer ' .. m end)
assert(v == 'outer inner a')

-- yields inside
local co = coroutine.wrap(function()
  return xpcall(function() coroutine.yield 'y'; error('late', 0) end, function(m) return m .. '!' end)
end)
assert(co() == 'y')
ok, v = co()
assert(not ok and v == 'late!')

-- arguments
assert(not pcall(xpcall) and not pcall(xpcall, print))
ok, v = xpcall(nil, function(m) return m end)
assert(not ok and v == 'attempt to call a nil value')
