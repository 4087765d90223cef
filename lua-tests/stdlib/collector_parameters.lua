-- collectgarbage: its options and their numbers, which are zero where they are missing.

local function fails(text, ...)
  local ok, message = pcall(collectgarbage, ...)
  assert(not ok and string.find(message, text, 1, true), message)
end

assert(collectgarbage('incremental', 200, 100) == 'incremental')
assert(collectgarbage 'setpause' == 200 and collectgarbage('setpause', 200) == 0)
assert(collectgarbage 'setstepmul' == 100 and collectgarbage('setstepmul', 100) == 0)
assert(collectgarbage('setpause', nil) == 200 and collectgarbage('setpause', '160') == 0 and collectgarbage('setpause', 200) == 160)

-- Modes: a zero, or nothing, leaves a parameter as it is.
assert(collectgarbage 'generational' == 'incremental' and collectgarbage('generational', 20, 100) == 'generational')
assert(collectgarbage('incremental', 120, 300) == 'generational' and collectgarbage('incremental', 0, nil, 10) == 'incremental')
assert(collectgarbage('setpause', 200) == 120 and collectgarbage('setstepmul', 100) == 300)

-- Wrong arguments, those that an option does not take, and those that are looked at in which order.
fails("invalid option 'x'", 'x')
fails('string expected, got table', {})
fails('number expected, got string', 'setpause', 'x')
fails('number has no integer representation', 'setstepmul', 1.5)
fails('number expected, got string', 'step', 'x')
fails("bad argument #4 to 'collectgarbage' (number expected, got table)", 'incremental', 1, 1, {})
fails("bad argument #3 to 'collectgarbage' (number expected, got table)", 'generational', 1, {})
assert(collectgarbage('count', 'x') > 0 and collectgarbage('collect', 'x') == 0 and collectgarbage('generational', 1, 2, 'x'))
assert(collectgarbage 'incremental' == 'generational' and collectgarbage('incremental', 200, 100) == 'incremental')

-- In a finalizer the collector answers nothing, but complains.
local answers = {}
setmetatable({}, { __gc = function()
  for _, option in ipairs { 'collect', 'count', 'step', 'isrunning', 'setpause', 'stop', 'incremental' } do
    answers[#answers + 1] = collectgarbage(option) == nil
  end
  answers[#answers + 1] = pcall(collectgarbage, 'x')
end })
collectgarbage()
assert(table.concat({ #answers, tostring(answers[1]), tostring(answers[7]), tostring(answers[8]) }, ' ') == '8 true true false')
for i = 1, 7 do assert(answers[i]) end

-- A pause of nothing does not mean to collect without an end.
collectgarbage('setpause', 0)
local keep = {}
for i = 1, 20000 do keep[i] = { i } end
collectgarbage('setpause', 200)
assert(#keep == 20000 and keep[20000][1] == 20000)
