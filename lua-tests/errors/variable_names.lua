-- Error messages name the variable: index, call, arithmetic, concatenation, length.

local up, upf, upt = nil, nil, {}
local function message(f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok)
  return (e:gsub('^.-:%d+: ', ''))
end
local function is(want, f, ...)
  local got = message(f, ...)
  assert(got == want, got)
end

-- index
is("attempt to index a nil value (local 'x')", function() local x; return x.y end)
is("attempt to index a nil value (global 'nosuch')", function() return nosuch.y end)
is("attempt to index a nil value (field 'y')", function() local x = {}; return x.y.z end)
is("attempt to index a nil value (upvalue 'up')", function() return up.x end)
is("attempt to index a number value (local 'n')", function() local n = 5; return n.x end)
is("attempt to index a boolean value (local 'b')", function() local b = true; b.x = 1 end)
is("attempt to index a nil value (local 'x')", function() local x; x.y = 1 end)
is("attempt to index a nil value (field 'y')", function() local x = {}; x.y.z = 1 end)
is("attempt to index a nil value (global 'nosuch')", function() nosuch[1] = 1 end)
is("attempt to index a function value (local 'f')", function() local f = print; return f.x end)
is("attempt to index a nil value (field 'integer index')", function() local t = {}; return t[1].x end)
is("attempt to index a nil value (field '?')", function() local t, k = {}, {}; return t[k].x end)
is("attempt to index a nil value (field 'key')", function() local t, k <const> = {}, 'key'; return t[k].x end)
is("attempt to index a nil value (local 'a')", function(a) return a.b.c end)
is('attempt to index a nil value', function() return (nil).x end)
is('attempt to index a number value', function() return (1 + 2).x end)

-- call
is("attempt to call a nil value (global 'nosuch')", function() nosuch() end)
is("attempt to call a nil value (local 'f')", function() local f; f() end)
is("attempt to call a nil value (upvalue 'upf')", function() upf() end)
is("attempt to call a nil value (field 'nofield')", function() string.nofield() end)
is("attempt to call a nil value (method 'm')", function() local t = {}; t:m() end)
is("attempt to call a nil value (method 'bar')", function() return ('x'):bar() end)
is("attempt to call a table value (local 't')", function() local t = {}; t() end)
is("attempt to call a string value (field 'x')", function() local t = { x = 's' }; t.x(1) end)
is('attempt to call a number value', function() (5)() end)
is('attempt to call a nil value', function() (function() end)()() end)
is("attempt to call a nil value (field 'f')", function() return upt.f() .. 'x' end)

-- arithmetic and bitwise
is("attempt to perform arithmetic on a nil value (local 'x')", function() local x; return x + 1 end)
is("attempt to perform arithmetic on a nil value (local 'x')", function() local x; return 1 + x end)
is("attempt to perform arithmetic on a table value (field 'a')", function() local t = { a = {} }; return t.a * 2 end)
is("attempt to perform arithmetic on a nil value (global 'nosuch')", function() return -nosuch end)
is("attempt to perform arithmetic on a nil value (upvalue 'up')", function() return up - 1 end)
is("attempt to perform arithmetic on a table value (upvalue 'upt')", function() return 2 ^ upt end)
is("attempt to perform arithmetic on a nil value (field 'x')", function() upt.x = upt.x + 1 end)
is('attempt to perform arithmetic on a boolean value', function() return true + 1 end)
is("attempt to perform bitwise operation on a nil value (local 'x')", function() local x; return x & 1 end)
is("attempt to perform bitwise operation on a table value (upvalue 'upt')", function() return 1 << upt end)
is("attempt to perform bitwise operation on a nil value (field 'q')", function() return ~upt.q end)

-- concatenation and length
is("attempt to concatenate a nil value (local 'x')", function() local x; return 'a' .. x end)
is("attempt to concatenate a nil value (global 'nosuch')", function() return nosuch .. 'a' end)
is("attempt to concatenate a table value (upvalue 'upt')", function() return 'a' .. upt .. 'b' end)
is("attempt to concatenate a nil value (field 'x')", function() return 'a' .. upt.x end)
is("attempt to concatenate a boolean value (local 'b')", function() local a, b = 'x', false; return a .. b .. a end)
is("attempt to get length of a nil value (local 'x')", function() local x; return #x end)
is("attempt to get length of a nil value (global 'nosuch')", function() return #nosuch end)
is("attempt to get length of a number value (field 'n')", function() local t = { n = 1 }; return #t.n end)
