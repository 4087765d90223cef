-- test: processes
-- test: stderr=limit
-- `maxheap` and `maxmailbox` hold for processes that sleep, wait, receive and keep: heap and mailbox count.
local c = require 'concurrent'
local function ends(body, limit, feed)
  local p = c.spawnmonitor(body)
  for i = 1, 3000 do
    if not feed(p, i) then break end
    local m = c.receive(0)
    if m then return assert(m.reason == limit, m.reason) end
  end
  local m = c.receive(10000)
  assert(m and m.reason == limit, m and m.reason)
end
local text = ('k'):rep(5000)
ends(function() c.setoption('maxmailbox', 100) c.sleep(600000) end, 'mailboxlimit', function(p, i) return c.send(p, i) end)
ends(function() c.setoption('maxmailbox', 100) c.receive(nil, { never = true }) end, 'mailboxlimit', function(p, i) return c.send(p, i) end)
ends(function() c.setoption('maxheap', 1000000) c.sleep(600000) end, 'heaplimit', function(p, i) return c.send(p, text .. i) end)
ends(function()
  c.setoption('maxheap', 1000000)
  local kept = {}
  while true do kept[#kept + 1] = c.receive() end
end, 'heaplimit', function(p, i) return c.send(p, text .. i) end)
-- More in one piece than a process may have in all is not even taken, and nothing of it runs any more.
local function nothing() return false end
for _, alone in ipairs { true, false } do
  ends(function()
    c.setoption('maxheap', 10000000)
    local after <close> = setmetatable({}, { __close = function() print 'never' end })
    if alone then return ('x'):rep(1 << 30) end
    pcall(string.rep, 'x', 1 << 30)
    print 'never'
  end, 'heaplimit', nothing)
end
-- Garbage is none of it: a collection, in pieces, comes first.
local p = c.spawnmonitor(function()
  c.setoption('maxheap', 3000000)
  collectgarbage('stop')
  for i = 1, 100 do
    local t = {}
    for j = 1, 1000 do t[j] = { j } end
  end
end)
assert(c.receive().reason == 'normal')
c.setoption('maxmailbox', 50)                    -- for those that are spawned from now on
ends(function() c.sleep(600000) end, 'mailboxlimit', function(p, i) return c.send(p, i) end)
