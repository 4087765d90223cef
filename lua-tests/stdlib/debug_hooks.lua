-- debug.sethook and gethook: events, lines, counts, what is seen from a hook, coroutines, errors.

-- what happens while f runs, as text; the lines are counted from that of the call
local function trace(mask, f, ...)
  local log, base = {}, debug.getinfo(f, 'S').linedefined
  debug.sethook(function(event, line) log[#log + 1] = event .. (line and line - base or '') end, mask)
  f(...)
  debug.sethook()
  if mask == 'l' then
    for i = #log, 1, -1 do
      local n = tonumber(log[i]:match '^line(%-?%d+)$')
      if n < 0 or n > 30 then table.remove(log, i) else log[i] = n end
    end
  end
  return table.concat(log, ' ')
end
local function is(want, ...)
  local got = trace(...)
  assert(got == want, got)
end

-- none at first
assert(debug.gethook() == nil and select('#', debug.gethook()) == 1)

-- lines
is('1 2 3 8 9 8 9 8 11 12', 'l', function(a)
  local x = 1
  if a then
    x = 2
  else
    x = 3
  end

  for i = 1, 2 do
    x = x + i
  end
  while x > 100 do x = 0 end
  return x
end, true)
is('0', 'l', function() local x = 1; x = 2; return x end)
is('1 2 3 5 6', 'l', function()
  repeat local y = 1 until true
  local t = {
    1,
    2,
  }
end)
is('0 0 0 0 0 0 0 0 0', 'l', function() for i = 1, 3 do for j = 1, 3 do end end end)
is('1 2 1 2 1 4', 'l', function()
  for i = 1, 2 do
    local x = i
  end
end)

-- calls and returns: the last is sethook's own
is('call call', 'c', function() return 5 end)
is('return return', 'r', function() return 5 end)
is('return call return call', 'cr', function() return 5 end)
is('return call tail call return call', 'cr', function() local function g() return 1 end return g() end)
is('return call call return call call return return call', 'cr', function() string.rep('x', 2) pcall(error) end)
is('return call call return call return call return return call', 'cr', function() local t = setmetatable({}, { __index = function() return 1 end }) local _ = t.x + t.y end)
is('', '', function() end)
is('', 'x', function() end)

-- counts
local n = 0
debug.sethook(function(event, line) n = n + 1 assert(event == 'count' and line == nil) end, '', 100)
for i = 1, 5000 do end
debug.sethook()
assert(n > 25 and n < 200, n)

-- gethook: function, mask, count
local function hook() end
debug.sethook(hook, 'lrc', 7)
local h, mask, count = debug.gethook()
debug.sethook()
assert(h == hook and mask == 'crl' and count == 7 and debug.gethook() == nil)
debug.sethook(hook, 'l')
h, mask, count = debug.gethook()
assert(mask == 'l' and count == 0)
debug.sethook(hook, '', 5)
h, mask, count = debug.gethook()
assert(mask == '' and count == 5)
-- what turns it off
debug.sethook(hook, '')
assert(debug.gethook() == nil)
debug.sethook(hook, 'c') debug.sethook(nil, 'crl')
assert(debug.gethook() == nil)
debug.sethook(hook, 'c') debug.sethook(nil)
assert(debug.gethook() == nil)
assert(select('#', debug.sethook(hook, 'c')) == 0 and select('#', debug.sethook()) == 0)

-- the function that runs is at level 2; the values it is called with, or returns, are its local variables
local function foo(a, b) return a, b, 3 end
local seen = {}
debug.sethook(function(event)
  local i = debug.getinfo(2, 'nSrt')
  local values = {}
  for k = i.ftransfer, i.ftransfer + i.ntransfer - 1 do values[#values + 1] = tostring(select(2, debug.getlocal(2, k))) end
  seen[#seen + 1] = ('%s %s %s %s (%s)'):format(event, i.name, i.namewhat, i.what, table.concat(values, ','))
end, 'cr')
foo(10, 20)
string.upper 'x'
debug.sethook()
assert(table.concat(seen, '|') == 'return sethook field C ()|call foo local Lua (10,20)|return foo local Lua (10,20,3)|call upper field C (x)|return upper field C (x,X)|call sethook field C ()'
  or table.concat(seen, '|') == 'return sethook field C ()|call foo local Lua (10,20)|return foo local Lua (10,20,3)|call upper field C (x)|return upper field C (X)|call sethook field C ()', table.concat(seen, '|'))

-- the hook's own name, in getinfo and in a traceback
local own, back
debug.sethook(function() own = debug.getinfo(1, 'n') back = debug.traceback() debug.sethook() end, 'l')
local x = 1
assert(own.name == '?' and own.namewhat == 'hook' and back:find("in hook '?'", 1, true))

-- variables seen and changed
debug.sethook(function() if debug.getlocal(2, 1) == 'changeme' then debug.setlocal(2, 1, 'changed') end end, 'l')
local function f()
  local changeme = 'original'
  return changeme
end
local got = f()
debug.sethook()
assert(got == 'changed')

-- an error in a hook is one of the program
local ok, e = pcall(function()
  debug.sethook(function() debug.sethook() error('from the hook', 0) end, 'l')
  local z = 1
end)
assert(not ok and e == 'from the hook')
ok, e = pcall(function()
  debug.sethook(function() debug.sethook() error 'too long' end, '', 1000)
  while true do end
end)
assert(not ok and e:match 'debug_hooks.lua:%d+: too long$')

-- no hook is called within a hook
local depth, deepest = 0, 0
debug.sethook(function()
  depth = depth + 1
  deepest = math.max(deepest, depth)
  local function inside() return 1 end
  inside()
  depth = depth - 1
end, 'crl')
string.rep('x', 1)
debug.sethook()
assert(deepest == 1)

-- each coroutine has its own
local co = coroutine.create(function(a)
  local b = a
  coroutine.yield(b)
  return b
end)
local lines, base = {}, debug.getinfo(1, 'l').currentline
debug.sethook(co, function(event, line) lines[#lines + 1] = event .. line - base end, 'l')
assert(debug.gethook(co) ~= nil and debug.gethook() == nil and select(2, debug.gethook(co)) == 'l')
coroutine.resume(co, 1)
assert(table.concat(lines, ' ') == 'line-4 line-3', table.concat(lines, ' '))
debug.sethook(co)
coroutine.resume(co)
assert(#lines == 2 and debug.gethook(co) == nil)

-- a hook lives on when its coroutine is resumed by others, and in the middle of a yield
co = coroutine.wrap(function()
  local calls = 0
  debug.sethook(function() calls = calls + 1 end, 'c')
  coroutine.yield()
  foo()
  debug.sethook()
  return calls
end)
co()
foo()
assert(co() == 3)                                   -- yield, foo, sethook
assert(debug.setcstacklimit(200) == 200)
