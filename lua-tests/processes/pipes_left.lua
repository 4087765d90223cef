-- test: processes
-- Programs whose pipes were left open by processes that were killed do not stay zombies.
local concurrent = require 'concurrent'
local root = concurrent.self()

local N = 20
for _ = 1, N do
  concurrent.spawn(function()
    local f = io.popen 'true'
    f:read 'a'
    concurrent.send(root, concurrent.self())
    concurrent.receive()
  end)
end
for _ = 1, N do
  local p = concurrent.receive()
  concurrent.kill(p)
  assert(not concurrent.isprocessalive(p))
end

local own = io.open('/proc/self/stat')
if own then
  own = own:read('a'):match '^%d+'
  -- Who opens a pipe sees to those that are left.
  local zombies = 0
  for pid in io.popen('ls /proc'):lines() do
    local f = pid:find '^%d+$' and io.open('/proc/' .. pid .. '/stat')
    if f then
      zombies = zombies + ((f:read 'a' or ''):find('%) Z ' .. own .. ' ') and 1 or 0)
      f:close()
    end
  end
  assert(zombies < N / 2, zombies)
end
