-- test: processes
-- What a snapshot cannot copy: it can be printed, compared, kept; whatever uses it is an error that names it.
local concurrent = require 'concurrent'
local me = concurrent.self()
local file, co = io.tmpfile(), coroutine.create(print)
local variable = 1
local function reads() return variable end
local id = debug.upvalueid(reads, 1)
local by_id = { [id] = 'found' }

local _, reference = concurrent.spawnmonitor(function()
  local function fails(text, f, ...)
    local ok, message = pcall(f, ...)
    assert(not ok and string.find(message, text, 1, true), message)
  end
  -- To be printed is no use.
  assert(tostring(file):find '^unusable open file of the spawning process: 0x' and tostring(co):find '^unusable coroutine of the spawning process: 0x')
  assert(('%s'):format(file) == tostring(file) and tostring(file) ~= tostring(co))
  local real = io.output()
  local out = io.tmpfile()
  io.output(out)
  io.write(tostring(file), '\n')
  io.output(real)
  assert(type(file) == 'userdata' and type(co) == 'userdata' and io.type(file) == nil)
  assert(file == file and file ~= co and ({ [file] = 1 })[file] == 1 and rawequal(co, co))
  -- Uses.
  local used = 'an open file of the spawning process cannot be used in the spawned one'
  fails(used, function() return file:read() end)
  fails(used, function() file.x = 1 end)
  fails(used, function() return file < 1 end)
  fails(used, function() return file <= file end)
  fails(used, function() return file .. '' end)
  fails(used, function() return #file end)
  fails(used, function() return file + 1 end)
  fails(used, function() return ~file end)
  fails(used, function() for _ in pairs(file) do end end)
  fails(used, function() local f <close> = file end)
  fails('a coroutine of the spawning process cannot be used in the spawned one', co)
  -- Messages that name its type.
  local name = 'unusable open file of the spawning process'
  fails('number expected, got ' .. name, math.floor, file)
  fails('string expected, got ' .. name, io.write, file)
  fails('FILE* expected, got ' .. name, io.close, file)
  fails('table expected, got ' .. name, next, file)
  fails('thread expected, got unusable coroutine of the spawning process', coroutine.resume, co)
  -- It cannot be sent, but a child of its own gets it.
  fails('cannot send an open file of the spawning process (at message.log)', concurrent.send, me, { log = file })
  fails("cannot send a coroutine of the spawning process (at message's key)", concurrent.send, me, { [co] = 1 })
  local text = tostring(file)
  local _, child = concurrent.spawnmonitor(function()
    assert(tostring(file) == text)
    fails(used, function() return file:read() end)
  end)
  assert(concurrent.receive().reason == 'normal')
  -- Variables keep their identities.
  assert(debug.upvalueid(reads, 1) == id and by_id[debug.upvalueid(reads, 1)] == 'found')
end)
local down = concurrent.receive()
assert(down.reason == 'normal', down.reason)
