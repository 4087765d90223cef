-- Large jump distances: long bodies of loops, conditions, functions.

local function run(code) return assert(load(code, '=gen'))() end

-- a loop body of several thousand instructions
local body = {}
for i = 1, 1500 do body[i] = ('x = x + %d'):format(i % 10) end
local long = table.concat(body, '\n')
local per = 0
for i = 1, 1500 do per = per + i % 10 end
assert(run('local x = 0 for i = 1, 2 do ' .. long .. ' end return x') == 2 * per)
assert(run('local x, i = 0, 0 while i < 2 do i = i + 1 ' .. long .. ' end return x') == 2 * per)
assert(run('local x, i = 0, 0 repeat i = i + 1 ' .. long .. ' until i == 2 return x') == 2 * per)
assert(run('local x = 0 for _ in pairs { 1, 2 } do ' .. long .. ' end return x') == 2 * per)
assert(run('local x, i = 0, 0 ::top:: i = i + 1 ' .. long .. ' if i < 2 then goto top end return x') == 2 * per)

-- conditions that jump over it
assert(run('local x = 0 if x == 1 then ' .. long .. ' else x = -1 end return x') == -1)
assert(run('local x = 0 if x == 0 then ' .. long .. ' else x = -1 end return x') == per)
assert(run('local x = 0 while true do if x > 0 then break end ' .. long .. ' end return x') == per)
assert(run('local x = 0 do goto out end ' .. long .. ' ::out:: return x') == 0)

-- many elseif branches
local chain = { 'local n = ... if n == 0 then return "zero"' }
for i = 1, 300 do chain[#chain + 1] = ('elseif n == %d then return "n%d"'):format(i, i) end
chain[#chain + 1] = 'else return "none" end'
local pick = assert(load(table.concat(chain, '\n')))
assert(pick(0) == 'zero' and pick(1) == 'n1' and pick(150) == 'n150' and pick(300) == 'n300' and pick(301) == 'none')

-- long chains of and / or
assert(run('local a = true return ' .. ('a and '):rep(300) .. '"end"') == 'end')
assert(run('local a = false return ' .. ('a or '):rep(300) .. '"end"') == 'end')
assert(run('local a, b = true, false return ' .. ('(a and b or a) and '):rep(100) .. '1') == 1)

-- many functions in one chunk, nested deep
local fs = { 'local t = {}' }
for i = 1, 300 do fs[#fs + 1] = ('t[%d] = function(x) return x + %d end'):format(i, i) end
fs[#fs + 1] = 'return t'
local t = run(table.concat(fs, '\n'))
for i = 1, 300, 13 do assert(t[i](i) == 2 * i) end
local nest = ('return function(a) '):rep(60) .. 'return a ' .. ('end '):rep(60)
local g = run(nest)
for i = 1, 59 do g = g(i) end
assert(g('deep') == 'deep')

-- deep nesting of blocks and loops
assert(run('local n = 0 ' .. ('for _ = 1, 1 do '):rep(40) .. 'n = n + 1 ' .. ('end '):rep(40) .. 'return n') == 1)
assert(run('local n = 0 ' .. ('do local v = n '):rep(100) .. 'n = v + 1 ' .. ('end '):rep(100) .. 'return n') == 1)

-- lines far down keep their numbers in messages
local ok, e = pcall(assert(load(('\n'):rep(3000) .. 'error "far"', '=c')))
assert(not ok and e == 'c:3001: far')
