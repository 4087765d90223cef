-- Runs tests of lua-tests/migration/ in a process that another moves to and fro between two nodes all the while: at least as
-- often as the first argument says, each test at least once.
local c = require 'concurrent'
assert(c.init 'home@localhost')
local least = tonumber(arg[1])
for i = 2, #arg do
  local test = assert(loadfile(arg[i]))
  -- Lives until it has moved enough.
  local lasts = c.spawn(function() c.receive() end)
  local child = c.spawnmonitor(function()
    repeat test() until not c.isprocessalive(lasts)
  end)
  c.sleep(0)
  local moves, nodes, down = 0, { [0] = 'there@localhost', 'home@localhost' }, nil
  repeat
    local ok, why = c.migrate(child, nodes[moves % 2])
    if ok then
      moves = moves + 1
      if moves == least then c.kill(lasts) end
    elseif not why:find '^noproc' then
      error(arg[i] .. ': ' .. why)
    end
    down = c.receive(ok and 0 or 30000, { signal = 'DOWN', from = child })
  until down
  assert(down.reason == 'normal', tostring(down.reason))
  assert(moves >= least, arg[i])
end
print 'all is well'
os.exit(0)
