-- Inside natives: a sort's comparison inside a gsub's replacement inside a coroutine that pcall calls.
local c = require 'concurrent'
arg = nil -- it says where this lies
local path = ...
local said
local co = coroutine.wrap(function(text)
  local first = coroutine.yield 'begun'
  return (text:gsub('%a+', function(word)
    local letters = {}
    for l in word:gmatch '.' do letters[#letters + 1] = l end
    table.sort(letters, function(a, b)
      if not said and word == first then said = c.checkpoint(path) end
      return a < b
    end)
    return table.concat(letters)
  end))
end)
local waiting = coroutine.create(function(a) local b = coroutine.yield(a) return a + b end)
coroutine.resume(waiting, 1)
print(co 'lua moves here')
local ok, text = pcall(co, 'moves')
if said == true then os.exit(0) end
print(said, ok, text, coroutine.resume(waiting, 2))
