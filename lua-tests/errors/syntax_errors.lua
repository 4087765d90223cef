-- Messages of the compiler for short wrong chunks.
local codes = {
  'x =', 'for i', 'for i = 1', 'for i = 1 do', 'if x', 'if x then', 'while x', 'local', 'local 1',
  'x', 'x y', '(x)', 'f(', 'f(1', '{', 'x = }', 'x = {', 'return return', 'goto', 'goto 1', '::x', 'a.b:c', 'a:b',
  'local function', 'function', 'function f', 'x = function', 'else', 'end', 'until', 'do', 'return 1,', 'x = 1 +',
  'x = + 1', 'x = not', 'x = ..', 'x, y', 'x, y = ', 'f() = 1', '(f()) = 1', '1 = x', '"x" = 1', 'x = "a" "b"', 'x = 1 2',
  'local x <', 'local x <const', 'local x <foo> = 1', 'x.1 = 2', 'x["a" = 1', 'x = #', '@', 'x = $', 'x = 5 $', 'x ~ 1',
  'x = a = b', 'a.b.c', 'for a, b', 'for a, b in', 'for a, b do end', 'for a.b = 1, 2 do end', 'return ...)',
  'function f() return ... end', 'if x then else elseif y then end', 'x = {1,,2}', 'x = {a=}', 'x = {[1]}', 'x = {[1 = 2}',
  'local x, = 1', 'f{', 'x = -', '::a:: ::a::', 'goto a', 'nil = 1', 'x = y.', 'x = y:', 'and', 'x = (1',
  'x = (1\n\n', 'do local x\nend end', 'if x then\n\n', 'while true do\nx = 1', 'f(\n1,\n', 'x = {\n1,\n', 'function f()\n\n',
  'repeat\n\n', 'for i = 1, 2 do\n', 'local t = {}\nt.x = = 1', 'x = [[a\nb]] y', '\n\n\nx y', 'x = "a\\z   \n  b" "c"',
  'local function f() end end', 'return\nreturn', 'x = function() return 1 2 end', 'f(1,)', 'f(,1)', 'a.function = 1',
  'local a.b = 1', 'x = 3 = 4', 'not x', '#x', '...', 'return return 1', 'local x <close>, y <close> = 1', 'local c <const> = 1; c = 2',
  'break', 'x = a.end', 'x = ~', 'x = 1 .. ', '; ; x', 'if (x then end', 'x = f(]', 'x ::y::', '!x', 'x != y', 'x += 1', 'x++', '&', 'x = a ? b',
}
for _, c in ipairs(codes) do
  local f, e = load(c, '=s')
  print((c:gsub('\n', '\\n')), f == nil and e or 'compiles')
end
