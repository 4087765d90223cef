-- Nodes that are not there, and names that are none.
local c = require 'concurrent'
local function nothing() end
for node, reason in pairs {
  ['a@no-such-host.invalid'] = "unknown host 'no-such-host.invalid'",
  ['a@localhost:9'] = 'port 9 of 127.0.0.1: ',
  ['nobody@localhost'] = "no node 'nobody' on host 'localhost'",
} do
  local function fails(first, ok, why)
    assert(ok == first and why:find(reason, 1, true), why)
  end
  fails(false, c.send({ 'x', node }, 1))
  fails(nil, c.spawn(node, nothing))
  fails(nil, c.spawn(node, 'nothing'))
  assert(not c.isnodealive(node) and not c.isprocessalive { 'x', node } and not c.kill { 'x', node })
  assert(c.processinfo { 'x', node } == nil)
  assert(c.monitornode(node))
  local m = c.receive()
  assert(m.signal == 'NODEDOWN' and m.from == node and m.reason:find(reason, 1, true))
  assert(c.monitor { 'x', node })
  m = c.receive()
  assert(m.signal == 'DOWN')
end
for _, name in ipairs { 'a@b\n', 'a@..', 'a@b/../c', '@b', 'a@', 'a b@c', '../a@b', 'a@b:99999', ('a'):rep(300) .. '@b' } do
  for _, f in ipairs {
    function() c.send({ 'x', name }, 1) end,
    function() c.spawn(name, nothing) end,
    function() c.monitornode(name) end,
    function() c.isnodealive(name) end,
    function() c.init(name) end,
  } do
    local ok, why = pcall(f)
    assert(not ok and why:find 'name of a node', tostring(why))
  end
end
print 'all is well'
