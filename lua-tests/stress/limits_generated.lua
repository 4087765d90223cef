-- Generated code near the limits: locals, upvalues, constants, constructors, jumps, parameters.

local function run(code) return assert(load(code, '=gen'))() end

-- 200 locals are allowed, 201 are not
local function locals(n)
  local t = {}
  for i = 1, n do t[i] = ('local v%d = %d'):format(i, i) end
  t[#t + 1] = ('return v1 + v%d'):format(n)
  return table.concat(t, '\n')
end
assert(run(locals(200)) == 201)
local f, e = load(locals(201), '=gen')
assert(f == nil and e:find('too many local variables', 1, true))

-- 255 upvalues are allowed, 256 are not
local function upvalues(n)
  local t, use = {}, {}
  for b = 0, (n - 1) // 150 do
    for i = b * 150 + 1, math.min(n, (b + 1) * 150) do t[#t + 1] = ('local u%d = %d'):format(i, i); use[#use + 1] = 'u' .. i end
    t[#t + 1] = 'return (function()'
  end
  t[#t + 1] = 'return (function() return ' .. table.concat(use, '+') .. ' end)()'
  for _ = 0, (n - 1) // 150 do t[#t + 1] = 'end)()' end
  return table.concat(t, '\n')
end
assert(run(upvalues(150)) == 11325 and run(upvalues(200)) == 20100 and run(upvalues(255)) == 32640)
f, e = load(upvalues(256), '=gen')
assert(f == nil and e:find('too many upvalues', 1, true))

-- more constants than fit into a byte, strings and numbers, in every position
local t = { 'local t = {}' }
for i = 1, 400 do t[#t + 1] = ('t.key%d = %d.5'):format(i, i) end
t[#t + 1] = 'local s = 0'
for i = 1, 400 do t[#t + 1] = ('s = s + t.key%d - %d.25'):format(i, i) end
t[#t + 1] = 'return s, t.key400 == 400.5, 1000001 + s, s .. "late constant"'
local s, eq, sum, cat = run(table.concat(t, '\n'))
assert(s == 100 and eq and sum == 1000101 and cat == '100.0late constant')

-- big constructors: list items, names, both, with calls at the end
local items = {}
for i = 1, 700 do items[i] = tostring(i) end
local list = run('return {' .. table.concat(items, ',') .. '}')
assert(#list == 700 and list[50] == 50 and list[51] == 51 and list[257] == 257 and list[700] == 700)
for i = 1, 300 do items[i] = ('f%d = %d'):format(i, i) end
local mixed = run('return {' .. table.concat(items, ',') .. '}')
assert(#mixed == 400 and mixed[1] == 301 and mixed.f300 == 300)
assert(#run('return {' .. ('0,'):rep(99) .. 'table.unpack({1, 2, 3})}') == 102)

-- parameters and arguments
local p = {}
for i = 1, 200 do p[i] = 'p' .. i end
local args = {}
for i = 1, 200 do args[i] = i end
assert(run('return function(' .. table.concat(p, ',') .. ') return p1 + p200, p100 end')(table.unpack(args)) == 201)
assert(run('return select("#", ' .. ('nil,'):rep(240) .. 'nil)') == 241)

-- one expression with many operands, right and left associative
assert(run('return ' .. ('1+'):rep(500) .. '1') == 501)
assert(#run('return ' .. ('"a"..'):rep(150) .. '"b"') == 151)
assert(run('return ' .. ('('):rep(100) .. '7' .. (')'):rep(100)) == 7)
assert(run('return ' .. ('not '):rep(100) .. 'true') == true and run('return ' .. ('- '):rep(100) .. '5') == 5)
