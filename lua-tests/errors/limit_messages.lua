-- Messages of the compiler's limits: local variables, upvalues, registers, nesting.

local function bad(want, source)
  local ok, f, e = pcall(load, source, '=s')
  assert(ok and not f and e == want, e)
end
local function good(source) assert(load(source, '=s')) end
-- n copies of a text, with # for their number
local function copies(n, text, between)
  local t = {}
  for i = 1, n do t[i] = text:gsub('#', tostring(i)) end
  return table.concat(t, between or ' ')
end

-- local variables
local main, at1 = 's:1: too many local variables (limit is 200) in main function near ', 's:1: too many local variables (limit is 200) in function at line 1 near '
good(copies(200, 'local a#'))
bad(main .. '<eof>', copies(201, 'local a#'))
bad(main .. '<eof>', 'local ' .. copies(201, 'a#', ','))
bad(at1 .. "'end'", 'function f() ' .. copies(201, 'local a#') .. ' end')
bad("s:4: too many local variables (limit is 200) in function at line 3 near 'end'", '\n\nlocal function f()\n' .. copies(201, 'local a#') .. ' end')
good('local function f(' .. copies(200, 'a#', ', ') .. ', ...) end')
bad(at1 .. "')'", 'local function f(' .. copies(201, 'a#', ', ') .. ') end')
bad(at1 .. "')'", 'function o:f(' .. copies(200, 'a#', ', ') .. ') end')
bad(main .. "','", 'for ' .. copies(198, 'a#', ',') .. ' in x do end')
good(copies(196, 'local a#') .. ' for i = 1, 2 do end')
bad(main .. "'='", copies(197, 'local a#') .. ' for i = 1, 2 do end')
good(copies(195, 'local a#') .. ' for i in x do end')
bad(main .. "'in'", copies(196, 'local a#') .. ' for i in x do end')
bad(main .. "'('", copies(200, 'local a#') .. ' local function f() end')
bad(main .. '<eof>', copies(200, 'local a# <const> = 1') .. ' local b')

-- upvalues
local function upvalues(n)
  return copies(128, 'local a#') .. ' local function f() ' .. copies(128, 'local b#') .. ' local function g() return '
    .. copies(128, 'a#', '+') .. '+' .. copies(n - 128, 'b#', '+') .. ' end end'
end
good(upvalues(255))
bad("s:1: too many upvalues (limit is 255) in function at line 1 near 'end'", upvalues(256))
bad("s:3: too many upvalues (limit is 255) in function at line 3 near 'end'", '\n\n' .. upvalues(256))

-- registers
local registers = 's:1: function or expression needs too many registers near '
good('f(' .. copies(250, 'x', ',') .. ')')
bad(registers .. "'255'", 'f(' .. copies(300, '#', ',') .. ')')
bad(registers .. "'nil'", 'f(' .. copies(256, 'nil', ',') .. ')')
good('return ' .. copies(254, 'x', ','))
bad(registers .. '<eof>', 'return ' .. copies(255, 'x', ','))
bad(registers .. "'('", 'local a = ' .. copies(260, 'f()', ','))
bad(registers .. "'('", 'a = ' .. copies(300, 'f()', ','))
bad(registers .. "'{'", 'return ' .. copies(250, 'f{', ''))

-- nesting
for _, piece in ipairs { 'do ', 'if x then ', 'while x do ', 'function f() ', 'repeat ' } do
  bad('C stack overflow', piece:rep(250))
end
for _, piece in ipairs { '{', '(', 'f(', 'not ', '- ', 'a .. ', 'a ^ ', 'x and (', 'function() return ' } do
  bad('C stack overflow', 'x = ' .. piece:rep(300) .. 'x')
end
bad('C stack overflow', ('a,'):rep(250) .. 'a = 1')
good(('do '):rep(190) .. ('end '):rep(190))
good('return ' .. ('('):rep(190) .. '1' .. (')'):rep(190))
good('return ' .. ('2^'):rep(190) .. '2')
good('x = ' .. ('1+'):rep(300) .. '1')
good('x = a' .. ('.b'):rep(300))
