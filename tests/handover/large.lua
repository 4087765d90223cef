-- A large process goes from here to the target when it is told to, by a line of standard input; other lines send it a message, end it,
-- or let it go once more. Who hears of its end says so.
local own, target = ...
local c = require 'concurrent'
c.setoption('connectall', false)
assert(c.init(own))
assert(c.isnodealive(target))
local mover = c.spawn(function()
  local strings, tables, sum = {}, {}, 0
  for i = 1, 12 do strings[i] = string.char(64 + i):rep(1 << 20) end
  for i = 1, 60000 do
    tables[i] = { i, 'item ' .. i, i * 0.5 }
    sum = sum + i
  end
  local function is_whole()
    local n = 0
    for i, t in ipairs(tables) do
      assert(t[2] == 'item ' .. t[1] and t[3] == i * 0.5)
      n = n + t[1]
    end
    for i, s in ipairs(strings) do assert(s == string.char(64 + i):rep(1 << 20)) end
    return n == sum
  end
  while true do
    local m = c.receive()
    if m == 'go' then
      print 'goes'
      local ok, why = c.migrate(target)
      print('runs', c.node(), ok, why, is_whole())
    else
      print('got', m)
    end
  end
end)
c.register('mover', mover)
c.send({ 'watcher', target }, { watch = mover, from = c.self() })
assert(c.receive().watching)
c.spawn(function()
  c.monitor(mover)
  print 'ready'
  print('told', c.receive().reason)
  c.receive()
end)
c.spawn(function()
  for line in io.lines() do
    if line == 'end' then
      c.kill(mover, 'enough')
    else
      c.send(mover, line)
    end
  end
end)
while true do c.receive() end
