-- To-be-closed variables: every way a block can be left.

local log
local function c(name)
  return setmetatable({}, { __close = function(_, e)
    log[#log + 1] = e == nil and name or name .. '!' .. tostring(e)
  end })
end
local function expect(s)
  local got = table.concat(log, ' ')
  assert(got == s, got)
  log = {}
end
log = {}

-- end of block
do local a <close> = c 'a'; local b <close> = c 'b' end
expect 'b a'

-- break
while true do
  local a <close> = c 'a'
  do local b <close> = c 'b'; break end
end
expect 'b a'

-- goto out and backwards
do
  local i = 0
  ::top::
  do
    local a <close> = c('a' .. i)
    i = i + 1
    if i < 3 then goto top end
  end
end
expect 'a0 a1 a2'

-- return, with the values computed before the close
local function r()
  local x = 1
  local a <close> = setmetatable({}, { __close = function() x = 2; log[#log + 1] = 'closed' end })
  return x, 'two', nil
end
local n = select('#', r())
assert(n == 3)
expect 'closed'
assert(r() == 1)
expect 'closed'

-- a return in a function with a to-be-closed variable is no tail call
local function inner() log[#log + 1] = 'inner'; return 'v' end
local function outer() local a <close> = c 'outer'; return inner() end
assert(outer() == 'v')
expect 'inner outer'

-- error
local ok, e = pcall(function()
  local a <close> = c 'a'
  local b <close> = c 'b'
  error('E', 0)
end)
assert(not ok and e == 'E')
expect 'b!E a!E'

-- an error in a closing method replaces the error
ok, e = pcall(function()
  local a <close> = c 'a'
  local b <close> = setmetatable({}, { __close = function() error('second', 0) end })
  error('first', 0)
end)
assert(not ok and e == 'second')
expect 'a!second'

-- error in a closing method at a normal end
ok, e = pcall(function()
  local a <close> = c 'a'
  do
    local b <close> = setmetatable({}, { __close = function() error('late', 0) end })
  end
  log[#log + 1] = 'never'
end)
assert(not ok and e == 'late')
expect 'a!late'

-- each iteration closes its own
for i = 1, 3 do local a <close> = c('i' .. i) end
expect 'i1 i2 i3'

-- repeat: the condition still sees the variable
local tries = 0
repeat
  local a <close> = c 'r'
  tries = tries + 1
until a ~= nil and tries == 2
expect 'r r'
