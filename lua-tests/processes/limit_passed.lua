-- test: processes
-- test: stderr=limit
-- A limit that is set when more has come already ends the process, too.
local c = require 'concurrent'
local p = c.spawnmonitor(function()
  c.receive(nil, { go = true })
  c.setoption('maxmailbox', 10)
  c.sleep(600000)
end)
for i = 1, 50 do c.send(p, i) end
c.send(p, { go = true })
local m = c.receive()
assert(m.signal == 'DOWN' and m.reason == 'mailboxlimit', m.reason)
