-- Messages of comparisons, conversions, table keys.

local function is(want, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok)
  e = e:gsub('^.-:%d+: ', '')
  assert(e == want, e)
end
local function lt(a, b) return a < b end
local function le(a, b) return a <= b end

is('attempt to compare two table values', lt, {}, {})
is('attempt to compare two nil values', le, nil, nil)
is('attempt to compare two boolean values', lt, true, false)
is('attempt to compare two function values', lt, print, type)
is('attempt to compare number with nil', lt, 1, nil)
is('attempt to compare nil with number', lt, nil, 1)
is('attempt to compare string with number', le, 'a', 1)
is('attempt to compare number with string', le, 1.5, '1')
is('attempt to compare table with number', lt, {}, 1)
is('attempt to compare boolean with nil', le, true, nil)
is('attempt to compare nil with number', function(a, b) return a > b end, 1, nil)
is('attempt to compare number with nil', function(a, b) return a >= b end, nil, 2)
is('attempt to compare nil with number', function(a) return a < 10 end)
is('attempt to compare number with nil', function(a) return a > 10 end)
is('attempt to compare number with nil', function(a) return 10 < a end)
is('attempt to compare table with number', function(a) return a <= 2.5 end, {})
is('attempt to compare two FILE* values', lt, io.stdout, io.stderr)

-- integer representation
is("number (local 'a') has no integer representation", function(a) return a | 0 end, 1.5)
is("number (local 'a') has no integer representation", function(a) return 1 << a end, 2 ^ 64)
is("number (local 'a') has no integer representation", function(a) return ~a end, 1 / 0)
is("number (local 'b') has no integer representation", function(a, b) return a & b end, 3, 0.5)
is("bad argument #1 to 'f' (number has no integer representation)", function(x) local f = string.char; return f(x) .. '' end, 1.5)
is("bad argument #2 to 'sub' (number expected, got nil)", function() return string.sub('x', nil) .. '' end)

-- division by zero
is('attempt to divide by zero', function(a, b) return a // b end, 1, 0)
is("attempt to perform 'n%0'", function(a, b) return a % b end, 1, 0)

-- table keys
is('table index is nil', function(k) local t = {}; t[k] = 1 end)
is('table index is NaN', function(k) local t = {}; t[k] = 1 end, 0 / 0)
is('table index is nil', function() rawset({}, nil, 1) return 1 end)

-- numeric for
is("'for' step is zero", function() for _ = 1, 2, 0 do end end)
is("bad 'for' initial value (number expected, got nil)", function(a) for _ = a, 2 do end end)
is("bad 'for' limit (number expected, got table)", function(a) for _ = 1, a do end end, {})
is("bad 'for' step (number expected, got function)", function(a) for _ = 1, 2, a do end end, print)

-- metatables and closing
is("variable 'c' got a non-closable value", function() local c <close> = 5 end)
is("variable 'c' got a non-closable value", function() local c <close> = {} end)

-- sizes
is('resulting string too large', function() return ('x'):rep(1 << 62):len() end)
is('too many results to unpack', function() return #{ table.unpack({}, 1, 1 << 40) } end)
