-- Where a coroutine cannot yield: inside library functions that call back.

local function try(f, ...)
  local co = coroutine.create(f)
  return coroutine.resume(co, ...)
end
local MSG = 'attempt to yield across a C-call boundary'
local function blocked(f)
  local ok, e = try(f)
  assert(ok == false and e == MSG, tostring(e))
end

blocked(function() table.sort({ 3, 2, 1 }, function(a, b) coroutine.yield(); return a < b end) end)
blocked(function() return (('abc'):gsub('.', function(c) coroutine.yield(c) end)) end)
blocked(function() load(function() coroutine.yield 'chunk' end) ; error(MSG, 0) end)

-- but errors pass through, and the coroutine can be used otherwise
local ok, e = try(function()
  local ok2, e2 = pcall(table.sort, { 3, 2, 1 }, function() error('cmp', 0) end)
  assert(not ok2 and e2 == 'cmp')
  coroutine.yield 'alive'
end)
assert(ok and e == 'alive')

-- pcall around the boundary catches the message, and a later yield works
local co = coroutine.create(function()
  local good, m = pcall(table.sort, { 2, 1 }, function() coroutine.yield() end)
  assert(not good and m == MSG)
  return coroutine.yield('next') .. '!'
end)
local _, v = coroutine.resume(co)
assert(v == 'next')
_, v = coroutine.resume(co, 'go')
assert(v == 'go!')

-- a coroutine started inside a callback may yield to its resumer
local out = {}
table.sort({ 1, 2 }, function(a, b)
  local w = coroutine.wrap(function() coroutine.yield 'inner' end)
  out[1] = w()
  return a < b
end)
assert(out[1] == 'inner')
local s = ('a-b'):gsub('%a', function(c)
  return coroutine.wrap(function() coroutine.yield(c:upper()) end)()
end)
assert(s == 'A-B')

-- isyieldable tells
local seen = {}
coroutine.wrap(function()
  seen.plain = coroutine.isyieldable()
  table.sort({ 2, 1 }, function(a, b) seen.sort = coroutine.isyieldable(); return a < b end)
end)()
assert(seen.plain == true and seen.sort == false)

-- __gc and __tostring callbacks
ok, e = try(function() return tostring(setmetatable({}, { __tostring = function() coroutine.yield() end })) end)
assert(ok == false and e == MSG)
