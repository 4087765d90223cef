-- Small points of the standard library in which the reference is particular.

local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and string.find(message, text, 1, true), message)
end

-- math: strings that are numbers are floats to these; max and min go by the operator <.
assert(math.type(math.abs '-3') == 'float' and math.type(math.fmod('7', 3)) == 'float')
assert(math.max 'a' == 'a' and math.max('a', 'c', 'b') == 'c' and math.min('b', 'a') == 'a')
fails('attempt to compare number with string', math.max, 1, '2')
fails('attempt to compare two table values', math.max, {}, {})
local ordered = { __lt = function(a, b) return a.n < b.n end }
local function box(n) return setmetatable({ n = n }, ordered) end
assert(math.max(box(3), box(9), box(4), box(9)).n == 9 and math.min(box(3), box(9), box(1), box(4)).n == 1)
fails('value expected', math.max)

-- math.random goes on from where it was, whatever happens in between.
math.randomseed(11, 12)
local first = {}
for i = 1, 20 do first[i] = math.random(1000) end
math.randomseed(11, 12)
for i = 1, 20 do
  collectgarbage 'step'
  assert(math.random(1000) == first[i])
end

-- tonumber: all white space of C.
assert(tonumber('\v\f10\v\t', 10) == 10 and tonumber('\v10\v') == 10 and tonumber('\v', 10) == nil)

-- tonumber: a plus sign with a base too.
assert(tonumber('+7f ', 16) == 127 and tonumber(' +z', 36) == 35 and not tonumber('+', 10) and not tonumber('+-1', 10))

-- format: modifiers of %a are checked before its argument, those of other numbers after it.
fails('invalid conversion specification: \'%258a\'', string.format, '%258a', 'x')
fails('number expected, got string', string.format, '%258e', 'x')

-- difftime: the difference of integers, made a float.
assert(os.difftime(math.maxinteger - 1, math.maxinteger) == -1.0 and os.difftime(2, 1) == 1.0)

-- isyieldable: only no argument means the running coroutine.
assert(coroutine.isyieldable() == false)
fails('thread expected, got nil', coroutine.isyieldable, nil)

-- Sets: a range that ends in a percent sign leaves the next one to escape the bracket.
assert(not ('%'):find '[b-%%]' and (']'):find '[b-%%]' == 1)

-- error: the level is an int of C.
assert(select(2, pcall(function() error('x', (1 << 53) + 1) end)):find '^.-:%d+: x$')
assert(select(2, pcall(function() error('x', 1 << 32) end)) == 'x')

-- load: a zero ends the name of a chunk.
assert(select(2, load('x = = 1 \0 y')) == '[string "x = = 1 "]:1: unexpected symbol near \'=\'')
assert(debug.getinfo(load('return 1', '=a\0b'), 'S').source == '=a')

-- load: any mode, numbers from the reader.
local f, message = load('return 1', '=x', 'q')
assert(f == nil and message == "attempt to load a text chunk (mode is 'q')")
f, message = load(string.dump(function() end), '=x', 'q')
assert(f == nil and message == "attempt to load a binary chunk (mode is 'q')")
local pieces = { 'return ', 4, 2, nil }
local i = 0
assert(load(function() i = i + 1 return pieces[i] end)() == 42)
local _
_, f, message = pcall(function()
  local f, message = load(function() return {} end)
  return f, message
end)
assert(f == nil and message:find 'reference_details.lua:%d+: reader function must return a string$')

-- The arithmetic of the string metatable.
local mt = getmetatable ''
assert(mt.__unm '1' == -1 and mt.__unm('1', '1') == -1 and mt.__add('1', 2) == 3)

fails('number expected, got nil', string.pack, 'i')
fails('number expected, got nil', string.pack, 'ii', 1)

-- The debug library looks at the index first.
fails("#2 to 'debug.upvaluejoin' (invalid upvalue index)", debug.upvaluejoin, print, 1, print, 1)

-- Lengths that are not true: others get their turn, and nothing is taken for what is not there.
local moved = 0
local long = setmetatable({}, {
  __index = function(_, k) return k end,
  __newindex = function(_, k) moved = moved + 1 if moved > 40000 then error 'enough' end end,
  __len = function() return 1 << 40 end,
})
fails('enough', table.insert, long, 1, 'x')
moved = 0
fails('enough', table.remove, long, 1)
moved = 0
fails('enough', table.move, long, 1, 1 << 40, 2)
local t = {}
for k = 1, 50000 do t[k] = k end
table.move(t, 1, 50000, 3)
assert(t[1] == 1 and t[2] == 2 and t[3] == 1 and t[50002] == 50000 and t[20000] == 19998)
table.move(t, 3, 50002, 1)
for k = 1, 50000 do assert(t[k] == k) end
assert(table.move(t, 1, 50000, 1, {})[49999] == 49999)
