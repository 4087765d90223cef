-- Coroutines: a chain of filters, each a coroutine that resumes the one before it.

local n = tonumber(arg and arg[1]) or 200000
local STAGES = 10

local function source(max)
  return coroutine.wrap(function()
    for i = 1, max do coroutine.yield(i) end
  end)
end

local function stage(before, k)
  return coroutine.wrap(function()
    for value in before do coroutine.yield((value * 3 + k) % 65536) end
  end)
end

local last = source(n)
for k = 1, STAGES do last = stage(last, k) end
local sum = 0
for value in last do sum = sum + value end

-- And many that live for a moment.
for i = 1, n do
  local co = coroutine.create(function(a) return coroutine.yield(a + 1) end)
  local _, value = coroutine.resume(co, i)
  sum = (sum + value) % 1000000007
  coroutine.resume(co)
end
print(string.format('sum %d', sum))
