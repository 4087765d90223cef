-- Hooks go along: for lines, calls and counts, and those of a coroutine.
local lines, calls, counts = 0, 0, 0
local function work()
  local n = 0
  for i = 1, 10 do
    n = n + i
  end
  return n
end
for round = 1, 3 do
  lines, calls, counts = 0, 0, 0
  debug.sethook(function(event) if event == 'line' then lines = lines + 1 elseif event == 'call' then calls = calls + 1 end end, 'cl')
  work()
  local hook, mask = debug.gethook()
  debug.sethook()
  assert(type(hook) == 'function' and mask == 'cl' and lines >= 20 and calls >= 1, lines)
  debug.sethook(function() counts = counts + 1 end, '', 5)
  work()
  debug.sethook()
  assert(counts >= 5 and debug.gethook() == nil)
  local inside = 0
  local co = coroutine.create(function() work() coroutine.yield() work() end)
  debug.sethook(co, function() inside = inside + 1 end, 'l')
  coroutine.resume(co)
  local before = inside
  work()
  assert(before >= 10 and inside == before)
  coroutine.resume(co)
  assert(inside > before)
end
