-- test: processes
-- The rows of concurrent.group in spec/behaviours.md that need one node alone; tests/behaviours.rs has those over several.
local concurrent = require 'concurrent'
local row = require 'modules.rows'
local group = require 'concurrent.group'
local send, receive, spawn = concurrent.send, concurrent.receive, concurrent.spawn
local me = concurrent.self()

local function fails(text, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(text, 1, true), e)
end
local function member() return spawn(function() while true do local m = receive() if m == 'end' then return end send(me, m) end end) end
local function set(pids)
  local t = {}
  for i, pid in ipairs(pids) do t[i] = tostring(pid) end
  table.sort(t)
  return table.concat(t, ' ')
end

row('a group without members', function()
  assert(#group.members 'none' == 0 and #concurrent.group 'none' == 0 and #group.groups() == 0)
end)
row('join and leave', function()
  local a, b = member(), member()
  assert(group.join('g', a) == true and group.join('g', b) == true)
  assert(set(group.members 'g') == set { a, b } and set(group.localmembers 'g') == set { a, b })
  assert(group.leave('g', a) == true)
  assert(set(group.members 'g') == set { b })
  assert(group.leave('g', a) == false and group.leave('other', b) == false)
  assert(group.leave('g', b))
  send(a, 'end')
  send(b, 'end')
end)
row('several processes join at once', function()
  local a, b = member(), member()
  group.join('g', { a, b })
  assert(set(concurrent.group 'g') == set { a, b })
  group.leave('g', { a, b })
  send(a, 'end')
  send(b, 'end')
end)
row('the caller joins if nobody is named', function()
  group.join 'g'
  assert(group.members('g')[1] == me)
  group.leave 'g'
end)
row('one that joins twice is a member until it has left twice', function()
  local a = member()
  group.join('g', a)
  group.join('g', a)
  assert(#group.members 'g' == 2)
  group.leave('g', a)
  assert(#group.members 'g' == 1)
  group.leave('g', a)
  assert(#group.members 'g' == 0)
  send(a, 'end')
end)
row('a process may be in several groups', function()
  group.join 'a'
  group.join 'b'
  local all = group.groups()
  assert(#all == 2 and all[1] == 'a' and all[2] == 'b')
  group.leave 'a'
  group.leave 'b'
end)
row('one that ends is a member no more', function()
  local a, b = member(), member()
  group.join('g', { a, a, b })
  concurrent.kill(a)
  repeat until set(group.members 'g') == set { b }
  send(b, 'end')
  repeat until #group.members 'g' == 0
end)
row('monitor: the members, then who comes and goes', function()
  local a, b = member(), member()
  group.join('g', a)
  local now = group.monitor 'g'
  assert(set(now) == set { a })
  group.join('g', b)
  local m = receive()
  assert(m.signal == 'GROUP' and m.group == 'g' and m.event == 'join' and set(m.processes) == set { b })
  group.leave('g', b)
  m = receive()
  assert(m.event == 'leave' and set(m.processes) == set { b })
  concurrent.kill(a)
  m = receive()
  assert(m.event == 'leave' and set(m.processes) == set { a })
  assert(group.demonitor 'g' == true and group.demonitor 'g' == false)
  send(b, 'end')
end)
row('demonitor: nothing more of it comes', function()
  group.monitor 'g'
  group.join 'g'
  group.leave 'g'
  group.demonitor 'g'
  assert(receive(0) == nil)
end)
row('multicast', function()
  local a, b = member(), member()
  assert(group.multicast('g', 'hello') == 0)
  group.join('g', { a, b })
  assert(group.multicast('g', 'hello') == 2)
  assert(receive() == 'hello' and receive() == 'hello')
  send(a, 'end')
  send(b, 'end')
end)
row('many at once', function()
  for i = 1, 20 do
    spawn(function()
      group.join 'g'
      group.join 'h'
      repeat until #group.members 'h' == 20
      group.leave 'g'
      send(me, i)
      receive()
    end)
  end
  for _ = 1, 20 do receive() end
  assert(#group.members 'h' == 20 and #group.members 'g' == 0)
  assert(group.multicast('h', 'end') == 20)
end)
row('wrong arguments are errors', function()
  fails("bad argument #1 to 'join' (name of a group expected, got nil)", function() group.join() end)
  fails("bad argument #2 to 'join' (process (a pid, a name, or an array of them) expected, got number 5)", function() group.join('g', 5) end)
  fails("bad argument #2 to 'leave' (process (a pid, a name, or an array of them) expected, got string 'nobody')", function() group.leave('g', 'nobody') end)
  fails("bad argument #2 to 'multicast' (message expected, got nil)", function() group.multicast('g') end)
end)
