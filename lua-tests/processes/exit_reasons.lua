-- test: processes
-- exit: never returns, pcall does not catch it, the reason travels.
local concurrent = require 'concurrent'
local root = concurrent.self()

local function reason_of(body, ...)
  local pid = concurrent.spawnmonitor(body, ...)
  local m = concurrent.receive()
  assert(m.signal == 'DOWN' and m.from == pid)
  return m.reason
end

assert(reason_of(function() end) == 'normal')
assert(reason_of(function() return 'value' end) == 'normal')
assert(reason_of(function() concurrent.exit() end) == 'exit')
assert(reason_of(function() concurrent.exit('because') end) == 'because')
assert(reason_of(function() concurrent.exit(17) end) == 17)
assert(reason_of(function() concurrent.exit(false) end) == false)
assert(reason_of(function() concurrent.exit('normal') end) == 'normal')
local r = reason_of(function() concurrent.exit { code = 3, list = { 1, 2 } } end)
assert(r.code == 3 and r.list[2] == 2)

-- pcall and xpcall do not catch it
assert(reason_of(function()
  pcall(concurrent.exit, 'through pcall')
  concurrent.send(root, 'never')
end) == 'through pcall')
assert(reason_of(function()
  xpcall(function() pcall(function() concurrent.exit('deep') end) end, function() return 'handled' end)
  concurrent.send(root, 'never')
end) == 'deep')

-- nor does a coroutine
assert(reason_of(function()
  local co = coroutine.create(function() concurrent.exit('from a coroutine') end)
  coroutine.resume(co)
  concurrent.send(root, 'never')
end) == 'from a coroutine')

-- nested calls
local function down(n) if n == 0 then concurrent.exit('bottom') end return 1 + down(n - 1) end
assert(reason_of(function() down(50) end) == 'bottom')

-- a reason that cannot be sent is replaced by its tostring
r = reason_of(function() concurrent.exit(coroutine.create(print)) end)
assert(type(r) == 'string' and r:find('^thread'))

assert(concurrent.receive(0) == nil)
