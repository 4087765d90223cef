-- Errors in message handlers, stack overflows, yields from outside: the exact messages.

local function strip(m) return (tostring(m):gsub('^[^%s:]+:%d+: ', '')) end
local function fails() error 'first' end

-- a handler that always fails: a fixed message; one that fails a few times: it gets its own error
local ok, m = xpcall(fails, function() error 'again' end)
assert(not ok and m == 'error in error handling', m)
ok, m = xpcall(fails, function() return nil + 1 end)
assert(not ok and m == 'error in error handling', m)
local n, seen = 0, {}
ok, m = xpcall(fails, function(e)
  n = n + 1
  seen[n] = strip(e)
  if n < 4 then error('again ' .. n, 0) end
  return 'handled ' .. e
end)
assert(not ok and m == 'handled again 3' and table.concat(seen, ',') == 'first,again 1,again 2,again 3')
ok, m = xpcall(fails, function() error() end)
assert(not ok and m == 'error in error handling', m)

-- the stack's end
local function deep() return 1 + deep() end
ok, m = pcall(deep)
assert(not ok and strip(m) == 'stack overflow', m)

-- yields where there is nobody to resume
ok, m = pcall(coroutine.yield, 1)
assert(not ok and m == 'attempt to yield from outside a coroutine')
ok, m = coroutine.resume(coroutine.create(function() table.sort({ 1, 2 }, function() coroutine.yield() end) end))
assert(not ok and m == 'attempt to yield across a C-call boundary')
ok, m = coroutine.resume(coroutine.create(function() return ('x'):gsub('x', function() coroutine.yield() end) end))
assert(not ok and m == 'attempt to yield across a C-call boundary')

-- errors are passed on as they are, through any number of layers
local object = {}
ok, m = pcall(pcall, pcall, error, object)
assert(ok and m == true)
ok, m = xpcall(function()
  local inner, e = pcall(error, object)
  error(e)
end, function(e) return e end)
assert(not ok and m == object)

-- a variable to be closed that is the last of its block has its name, too
local _, m = pcall(function() do local c <close> = {} end end)
assert(m:find("variable 'c' got a non-closable value", 1, true), m)
_, m = pcall(function() local a, b = 1, 2 local c <close> = {} return a, b end)
assert(m:find("variable 'c' got a non-closable value", 1, true), m)
