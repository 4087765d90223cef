-- test: processes
-- test: stderr=(error object is a userdata value)
-- What cannot be sent: the error names the place, nothing is delivered.
local concurrent = require 'concurrent'
local me = concurrent.self()

local function fails(message, ...)
  local ok, e = pcall(concurrent.send, me, message)
  assert(not ok, 'send should have failed')
  for _, part in ipairs { ... } do
    assert(e:find(part, 1, true), e)
  end
  assert(concurrent.receive(0) == nil)
end

local co = coroutine.create(print)
fails(co, 'cannot send a coroutine (at message)')
fails({ co = co }, 'cannot send a coroutine (at message.co)')
fails({ job = { co = co } }, 'cannot send a coroutine (at message.job.co)')
fails({ a = 1, f = function() return co end }, 'cannot send a coroutine (at message.f')
fails(nil, 'send', 'nil')
assert(not pcall(concurrent.send, me))
assert(not pcall(concurrent.send))
assert(not pcall(concurrent.send, nil, 'x'))
assert(not pcall(concurrent.send, 3.5, 'x'))
fails({ out = { file = io.tmpfile and assert(io.tmpfile()) } }, 'message.out.file')

-- a light userdata, wherever it stands
local id = debug.upvalueid(fails, 1)
fails(id, 'cannot send a light userdata (at message)')
fails({ id }, 'cannot send a light userdata (at message[1])')
fails({ [id] = 1 }, "cannot send a light userdata (at message's key)")
fails({ a = { b = id } }, 'cannot send a light userdata (at message.a.b)')
fails(function() return id end, "cannot send a light userdata (at message's upvalue 'id')")
fails(coroutine.wrap(print), 'cannot send a coroutine (at message')

-- a coroutine that is gone from the table is no problem
local m = { co = co }
m.co = nil
assert(concurrent.send(me, m) and next(concurrent.receive()) == nil)

-- a process that no longer exists, a name that nobody has
local dead = concurrent.spawn(function() end)
concurrent.loop()
local ok, msg = concurrent.send(dead, 'hello')
assert(ok == false and type(msg) == 'string')
ok, msg = concurrent.send('nobody', 'hello')
assert(ok == false and type(msg) == 'string')

-- one can end a process, but its reason is a text then
local _, monitor = concurrent.spawnmonitor(function() error(id) end)
local down = concurrent.receive()
assert(type(down.reason) == 'string' and down.reason:find '^userdata: 0x', down.reason)

-- a wrong message is an error also when the process is dead
assert(not pcall(concurrent.send, dead, co))
