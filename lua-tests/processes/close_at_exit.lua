-- test: processes
-- To-be-closed variables are closed at return, error, exit and exit signal, not at kill.
-- test: stderr=boom
local concurrent = require 'concurrent'
local root = concurrent.self()

local function guard(name)
  return setmetatable({}, { __close = function() concurrent.send(root, 'closed ' .. name) end })
end
local function run(body)
  local pid = concurrent.spawnmonitor(body)
  local got = {}
  while true do
    local m = concurrent.receive()
    if type(m) == 'table' and m.signal == 'DOWN' then
      assert(m.from == pid)
      return table.concat(got, ', '), m.reason
    end
    got[#got + 1] = m
  end
end

local log, why = run(function() local a <close> = guard 'a'; local b <close> = guard 'b' end)
assert(log == 'closed b, closed a' and why == 'normal')

log, why = run(function() local a <close> = guard 'a'; concurrent.exit('bye') end)
assert(log == 'closed a' and why == 'bye')

log, why = run(function()
  local a <close> = guard 'a'
  pcall(function() local b <close> = guard 'b'; concurrent.exit('in pcall') end)
end)
assert(log == 'closed b, closed a' and why == 'in pcall')

-- innermost coroutine first
log, why = run(function()
  local a <close> = guard 'outer'
  coroutine.wrap(function() local b <close> = guard 'inner'; concurrent.exit('co') end)()
end)
assert(log == 'closed inner, closed outer' and why == 'co')

log, why = run(function() local a <close> = guard 'a'; error('boom', 0) end)
assert(log == 'closed a' and why == 'boom')

-- an exit signal from a linked process
local log2 = run(function()
  local a <close> = guard 'linked'
  concurrent.spawnlink(function() concurrent.exit('partner') end)
  concurrent.receive()
end)
assert(log2 == 'closed linked')

-- kill runs no Lua
local pid = concurrent.spawnmonitor(function()
  local a <close> = guard 'never'
  concurrent.send(root, 'ready')
  concurrent.receive()
end)
assert(concurrent.receive() == 'ready')
concurrent.kill(pid)
local m = concurrent.receive()
assert(m.signal == 'DOWN' and m.reason == 'killed' and concurrent.receive(0) == nil)

-- the error in a closing method becomes the reason
log, why = run(function()
  local a <close> = setmetatable({}, { __close = function() error('boom in close', 0) end })
end)
assert(why == 'boom in close')
