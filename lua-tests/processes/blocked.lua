-- test: processes
-- A process in a call of the system can be asked, linked, monitored and killed.
local concurrent = require 'concurrent'
local root = concurrent.self()

local function block()
  local f <close> = io.popen('exec sleep 10 2>/dev/null')
  f:read('a')
end

-- While it is in its call.
local p = concurrent.spawn(block)
concurrent.sleep(20)
local info = concurrent.processinfo(p)
assert(info and info.parent == root and #info.links == 0)
concurrent.link(p)
assert(concurrent.processinfo(p).links[1] == root)
concurrent.unlink(p)
concurrent.monitor(p)
assert(concurrent.kill(p, 'enough') and not concurrent.isprocessalive(p))
assert(concurrent.receive().reason == 'enough')

-- Its thread is still there, but there is nobody left to send anything.
local ok, e = pcall(concurrent.receive)
assert(not ok and e:find('deadlock', 1, true), e)
assert(concurrent.loop() == true)
