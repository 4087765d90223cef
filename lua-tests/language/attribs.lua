-- Local attributes: const and close.

local k <const> = 10
local s <const>, n = 'text', 3
n = n + 1
assert(k + n == 14 and s == 'text')

-- a constant is captured by value
local function add(x) return x + k end
assert(add(5) == 15)

-- folding of constants must keep the semantics
local zero <const> = 0
assert(1 / zero == math.huge and not pcall(function() return 1 // zero end))
local minus <const> = -0.0
assert(1 / minus == -math.huge)
local t <const> = { 1, 2 }
t[3] = 3
assert(#t == 3)
local no <const>, yes <const>, nothing <const> = false, true, nil
assert(not no and yes and nothing == nil)
assert((no or 'd') == 'd' and (yes and 'c') == 'c' and (nothing or 1) == 1)

-- shadowing a constant makes a new variable
local x <const> = 1
do
  local x = 2
  x = x + 1
  assert(x == 3)
end
assert(x == 1)

-- compile-time errors
local function bad(code, what)
  local f, msg = load(code, '=c')
  assert(f == nil)
  assert(msg == 'c:1: ' .. what, msg)
end
bad('local x <const> = 1; x = 2', "attempt to assign to const variable 'x'")
bad('local x <close> = nil; x = 2', "attempt to assign to const variable 'x'")
bad('local x <const> = 1; function f() x = 2 end', "attempt to assign to const variable 'x'")
bad('local x <const> = 1; function x() end', "attempt to assign to const variable 'x'")
bad('local x <foo> = 1', "unknown attribute 'foo'")
bad('local a <close>, b <close> = nil', 'multiple to-be-closed variables in local list')

-- close: nil and false are ignored
do
  local a <close> = nil
  local b <close> = false
end

-- order of closing, with the value and no error
local log = {}
local function closer(name)
  return setmetatable({}, { __close = function(_, e) log[#log + 1] = name .. ':' .. tostring(e) end })
end
do
  local a <close> = closer 'a'
  local b <const> = 2
  local c <close> = closer 'c'
  log[#log + 1] = 'body'
end
assert(table.concat(log, ' ') == 'body c:nil a:nil')

-- a value that cannot be closed
local ok, msg = pcall(function()
  local bad <close> = 42
end)
assert(not ok and msg:find("variable 'bad' got a non-closable value", 1, true))
