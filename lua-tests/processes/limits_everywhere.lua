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
c.setoption('maxmailbox', 50)                    -- for those that are spawned from now on
ends(function() c.sleep(600000) end, 'mailboxlimit', function(p, i) return c.send(p, i) end)
