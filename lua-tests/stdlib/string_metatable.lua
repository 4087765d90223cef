-- What the metatable of strings decides: arithmetic (manual 3.4.3), tostring, names of types.

local mt = getmetatable ''
local original = {}
for k, v in pairs(mt) do original[k] = v end
local function reset()
  for k in pairs(mt) do mt[k] = nil end
  for k, v in pairs(original) do mt[k] = v end
end
local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and string.find(message, text, 1, true), message)
end
local ten, one = '10', 1
local operations = {
  __add = function(a, b) return a + b end,
  __sub = function(a, b) return a - b end,
  __mul = function(a, b) return a * b end,
  __div = function(a, b) return a / b end,
  __mod = function(a, b) return a % b end,
  __pow = function(a, b) return a ^ b end,
  __idiv = function(a, b) return a // b end,
  __unm = function(a) return -a end,
}
for event, f in pairs(operations) do
  -- As it comes.
  assert(f(ten, one) and f(one, ten) and f(ten, ten))
  local verb = event:sub(3)
  fails('attempt to ' .. verb .. " a 'string' with a '" .. (event == '__unm' and 'string' or 'number') .. "'", f, 'x', 1)
  -- Without: the operands are no numbers.
  mt[event] = nil
  fails('attempt to perform arithmetic on a string value', f, ten, one)
  fails('attempt to perform arithmetic on a string value', f, ten, ten)
  if event ~= '__unm' then fails('attempt to perform arithmetic on a string value', f, one, ten) end
  -- The other operand's.
  local other = setmetatable({}, { [event] = function() return 'other' end })
  assert(f(other, ten) == 'other' and (event == '__unm' or f(ten, other) == 'other'))
  -- Another one, with what it is given.
  mt[event] = function(a, b) return event .. ' of ' .. tostring(a) .. ' and ' .. tostring(b) end
  assert(f(ten, one) == event .. ' of 10 and ' .. (event == '__unm' and '10' or '1'))
  assert(event == '__unm' or f(one, ten) == event .. ' of 1 and 10')
  assert(event == '__unm' or f(ten, other):find 'of 10 and table' and f(other, ten) == 'other')
  mt[event] = setmetatable({}, { __call = function(self, a) return 'called with ' .. a end })
  assert(f(ten, one) == 'called with 10')
  mt[event] = 5
  fails('attempt to call a number value', f, ten, one)
  -- The library's own, of another event.
  mt[event] = original.__mul
  assert(f(ten, '2') == (event == '__unm' and 100 or 20))
  reset()
end

-- The library's own ask the second operand, unless it is a string, and are no place to yield across.
local log = setmetatable({}, { __add = function(a, b) return 'log' end, __sub = function() return coroutine.yield(1) end })
assert('x' + log == 'log' and 10 + log == 'log' and log + 'x' == 'log')
assert(mt.__add('x', log) == 'log' and mt.__add(1, 2) == 3 and mt.__add('1') == 2 and mt.__unm('3', 4) == -4)
fails("attempt to add a 'table' with a 'number'", mt.__add, {}, 1)
local co = coroutine.wrap(function() return pcall(function() return 'x' - log end) end)
local ok, message = co()
assert(not ok and message == 'attempt to yield across a C-call boundary')
assert(coroutine.wrap(function() return log - 'x' end)() == 1)

-- Divisions by zero have no position: a library function has failed.
ok, message = pcall(function() return '1' // 0 end)
assert(message == "attempt to perform 'n//0'" or message == 'attempt to divide by zero')
ok, message = pcall(function() return '1' % 0 end)
assert(message:find("'n%%0'", 1, true) or message:find("'n%0'", 1, true))
assert(not message:find ':%d')

-- Bitwise operations do not convert strings.
fails('attempt to perform bitwise operation on a string value', function() return ten | 1 end)
mt.__bor = function(a, b) return a .. '|' .. b end
assert(ten | 1 == '10|1' and 1 | ten == '1|10')
reset()

-- Hooks see the call.
local seen = {}
debug.sethook(function(event) seen[#seen + 1] = event .. ' ' .. debug.getinfo(2, 'S').what end, 'c')
local sum = ten + one
debug.sethook()
assert(sum == 11 and seen[1] == 'call C' and #seen == 2)

-- tostring, print and %s ask the metatable of a string, too.
mt.__tostring = function(s) return '<' .. s .. '>' end
assert(tostring 'x' == '<x>' and ('%s'):format 'y' == '<y>' and 'a' .. 'b' == 'ab')
mt.__tostring = function() return {} end
fails("'__tostring' must return a string", tostring, 'x')
reset()

-- Messages about arguments take __name from any metatable.
mt.__name = 'Text'
fails('number expected, got Text', math.floor, 'x')
fails('attempt to compare string with number', function() return 'x' < 1 end)
reset()
debug.setmetatable(print, { __name = 'Routine' })
assert(tostring(print):find '^Routine: 0x' and tostring(fails):find '^Routine: 0x')
fails('number expected, got Routine', math.floor, print)
fails('attempt to perform arithmetic on a function value', function() return print + 1 end)
debug.setmetatable(print, nil)
debug.setmetatable(nil, { __name = 'Nothing' })
fails('string expected, got Nothing', string.rep, nil)
fails('string expected, got Nothing', string.rep)
debug.setmetatable(nil, nil)
fails('string expected, got no value', string.rep)

-- No metatable at all.
debug.setmetatable('', nil)
ok, message = pcall(function() return ten + 1 end)
local ok2, message2 = pcall(function() return ten.x end)
debug.setmetatable('', mt)
assert(not ok and message:find "attempt to perform arithmetic on a string value %(upvalue 'ten'%)", message)
assert(not ok2 and message2:find "attempt to index a string value %(upvalue 'ten'%)", message2)
assert(ten + 1 == 11)
