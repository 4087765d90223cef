-- test: processes
-- setoption and getoption: defaults, inheritance, errors; limits end a process.
-- test: stderr=limit
local concurrent = require 'concurrent'
local root = concurrent.self()

local defaults = {
  trapexit = false, tick = 10, debug = false, shortnames = false, connectall = true, keepalive = true,
  keepalivetimeout = 60000, registertimeout = 10000, maxheap = 0, maxmailbox = 0,
}
for k, v in pairs(defaults) do assert(concurrent.getoption(k) == v, k) end

-- unknown key: an error that lists the keys
local ok, e = pcall(concurrent.setoption, 'nosuchoption', 1)
assert(not ok and e:find('nosuchoption', 1, true) and e:find('trapexit', 1, true) and e:find('maxheap', 1, true), e)
ok, e = pcall(concurrent.getoption, 'nosuchoption')
assert(not ok and e:find('trapexit', 1, true))

-- wrong types
for k, bad in pairs { trapexit = 'yes', tick = 'x', maxheap = true, maxmailbox = {}, connectall = 1 } do
  ok, e = pcall(concurrent.setoption, k, bad)
  assert(not ok and e:find(k, 1, true), k)
end
assert(not pcall(concurrent.setoption, 5, true) and not pcall(concurrent.setoption))

-- in the root: the default of the processes that follow; in a process: its own
concurrent.setoption('trapexit', true)
concurrent.spawn(function()
  concurrent.send(root, concurrent.getoption 'trapexit')
  concurrent.setoption('trapexit', false)
  concurrent.send(root, concurrent.getoption 'trapexit')
end)
assert(concurrent.receive() == true and concurrent.receive() == false)
assert(concurrent.getoption 'trapexit' == true)
concurrent.setoption('trapexit', false)

-- maxmailbox
local p = concurrent.spawnmonitor(function()
  concurrent.setoption('maxmailbox', 5)
  concurrent.send(root, 'ready')
  concurrent.receive(nil, { never = true })
end)
assert(concurrent.receive() == 'ready')
for i = 1, 7 do concurrent.send(p, i) end
local m = concurrent.receive()
assert(m.signal == 'DOWN' and m.from == p and m.reason == 'mailboxlimit')

-- maxheap
p = concurrent.spawnmonitor(function()
  concurrent.setoption('maxheap', 4000000)
  local t = {}
  while true do t[#t + 1] = ('x'):rep(10000) .. #t end
end)
m = concurrent.receive()
assert(m.from == p and m.reason == 'heaplimit')

-- pcall does not catch it
p = concurrent.spawnmonitor(function()
  concurrent.setoption('maxheap', 4000000)
  pcall(function()
    local t = {}
    while true do t[#t + 1] = ('x'):rep(10000) .. #t end
  end)
  concurrent.send(root, 'survived')
end)
m = concurrent.receive()
assert(m.from == p and m.reason == 'heaplimit')
assert(concurrent.loop() == true)
