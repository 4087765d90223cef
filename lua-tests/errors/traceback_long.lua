-- debug.traceback: long stacks are cut in the middle.

local function count_lines(s) local n = 0; for _ in s:gmatch '\n' do n = n + 1 end return n end

local function deep(n)
  if n == 0 then return debug.traceback 'deep' end
  local r = deep(n - 1)
  return r
end
local short, long = deep(5), deep(100)
assert(not short:find('...', 1, true) or not short:find('skipping', 1, true))
assert(long:find '\n\t%.%.%.\t%(skipping %d+ levels%)')
assert(count_lines(long) == 1 + 10 + 1 + 11, count_lines(long))
local skipped = tonumber(long:match 'skipping (%d+) levels')
local total = 100 + 1 + 1 + 2            -- deep, traceback's caller chain, main chunk, C
assert(skipped > 75 and skipped < total)

-- each level is one line with a tab
for line in long:gmatch '\n([^\n]*)' do
  assert(line == 'stack traceback:' or line:match '^\t', line)
end
assert(long:match '\t%[C%]: in %?$' and long:find('in main chunk', 1, true))

-- in a coroutine the stack ends with its body
local co = coroutine.wrap(function() return deep(3) end)
local t = co()
assert(not t:find('main chunk', 1, true) and t:find('deep', 1, true))
