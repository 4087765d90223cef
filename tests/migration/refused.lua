-- What hinders a move is a reason, and the process goes on as if it had not asked.
local c = require 'concurrent'
local ok, why = c.migrate 'there@localhost'
assert(ok == nil and why:find('main script', 1, true), why)
local child = c.spawnmonitor(function()
  local ok, why = c.migrate 'there@localhost'
  assert(ok == nil and why:find('not a node', 1, true), why)
end)
assert(c.receive().reason == 'normal')
assert(c.init 'here@localhost')
ok, why = c.migrate 'there@localhost'
assert(ok == nil and why:find('main script', 1, true), why)

local function tries(what, f)
  local child = c.spawnmonitor(f)
  local m = c.receive(20000)
  assert(m and m.from == child and m.reason == 'normal', what .. ': ' .. tostring(m and m.reason))
end
tries('unknown node', function()
  local ok, why = c.migrate 'nobody@localhost'
  assert(ok == nil and why:find('no connection to nobody@localhost', 1, true), why)
end)
tries('itself', function()
  local ok, why = c.migrate 'here@localhost'
  assert(ok == nil and why == 'the process is at here@localhost already', why)
end)
tries('no name', function()
  local ok, why = pcall(c.migrate, 'no such name')
  assert(not ok and why:find('no name of a node', 1, true), why)
end)
tries('an open file', function()
  local log <close> = assert(io.tmpfile())
  local n = 1
  local ok, why = c.migrate 'there@localhost'
  n = n + 1
  assert(ok == nil and why == ('cannot migrate %s: local \'log\' holds an open file'):format(c.self()), why)
  log:write 'still open'
  assert(n == 2 and c.node() == 'here@localhost')
end)
tries('in a finalizer', function()
  local said
  setmetatable({}, { __gc = function() said = { pcall(c.migrate, 'there@localhost') } end })
  collectgarbage()
  assert(said[1] == false and said[2]:find('inside a finalizer', 1, true))
end)
tries('at an end', function()
  local x <close> = setmetatable({}, { __close = function()
    local ok, why = pcall(c.migrate, 'there@localhost')
    assert(not ok and why:find('cannot wait while the process ends', 1, true), why)
  end })
end)
tries('twice', function()
  assert(c.migrate 'there@localhost')
  assert(c.node() == 'there@localhost')
  assert(c.migrate 'here@localhost')
  assert(c.node() == 'here@localhost')
end)
tries('with much', function()
  -- More than the node's own signals may take of a connection.
  local text, t = ('0123456789abcdef'):rep(1 << 20), {}
  for i = 1, 300000 do t[i] = i end
  c.send(c.self(), text)
  assert(c.migrate 'there@localhost' and c.node() == 'there@localhost')
  assert(#text == 16 << 20 and t[300000] == 300000 and c.receive(0) == text)
  assert(c.migrate 'here@localhost' and c.node() == 'here@localhost')
end)
-- Targets that refuse, and one that dies: whoever wants to move goes on.
tries('another cookie', function()
  local ok, why = c.migrate 'other@localhost'
  assert(ok == nil and why:find('no connection to other@localhost', 1, true), why)
end)
tries('no memory there', function()
  local text = ('x'):rep(32 << 20)
  local ok, why = c.migrate 'small@localhost'
  assert(ok == nil and why == 'not enough memory for it there (--max-memory)', why)
  assert(#text == 32 << 20 and c.node() == 'here@localhost')
  text = nil
  collectgarbage()
  assert(c.migrate 'small@localhost' and c.node() == 'small@localhost')
end)
tries('it dies', function()
  assert(c.migrate 'mortal@localhost' and c.migrate 'here@localhost')
  c.monitornode 'mortal@localhost'
  assert(c.spawn('mortal@localhost', function()
    local pid = io.open '/proc/self/stat':read 'n'
    os.execute('kill -9 ' .. pid)
  end))
  assert(c.receive(20000).signal == 'NODEDOWN')
  local ok, why = c.migrate 'mortal@localhost'
  assert(ok == nil and why:find('no connection to mortal@localhost', 1, true), why)
  assert(c.node() == 'here@localhost')
end)
print 'all is well'
os.exit(0)
