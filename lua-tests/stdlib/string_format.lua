-- string.format: every conversion, flags, width, precision.
local f = string.format

print(f('%d %i %5d|%-5d|%05d|%+d|% d', 42, -42, 42, 42, 42, 42, 42))
print(f('%.3d %5.3d|%x %X %#x %o %#o', 5, 5, 255, 255, 255, 8, 8))
print(f('%d %d', math.maxinteger, math.mininteger), f('%x', -1), f('%d', 3.0), f('%d', '10'))
print(f('%f %.2f %8.3f|%-8.1f|%08.2f|%+.1f', 1.5, 2.345, 3.14159, 2.5, -1.5, 1))
print(f('%e %.2E %g %g %g %G', 12345.678, 0.00012, 1e20, 0.1, 100000, 1e-10))
print(f('%g %g %g %.3g %#.3g %g', 1e15, 123456789, 2^53, 0.1234567, 1, -0.0))
print(f('%f %g %e', 1/0, -1/0, 1/0), f('%5.1f|%-7g|', 1/0, -1/0))
print(f('%a %A %.2a %a', 1, 0.5, 3.14, -2.0), f('%a', 0.1))
print(f('%c%c%c', 76, 117, 97), f('%5c|%-3c|', 65, 66))
print(f('%s %s %s %s', 1, 1.5, true, nil), f('%10s|%-10s|%.2s|%5.1s|', 'abc', 'abc', 'abc', 'abc'))
print(f('%%'), f('%5s%%', 50), f(''), f('%s', 'a\0b') == 'a\0b')
print(f('%q', 'line\nquote " back \\ tab\t zero\0 9\r'))
print(f('%q %q %q', 10, math.mininteger, true), f('%q %q', 0.5, 1/0), f('%q', nil), f('%q', '\0001'))
print(f('%q', -1/0), f('%q', 255 // 1), f('%q', 1e100), f('%q', 2.0))
print(f('%-5d|%5s|%-5s|', 7, 'é', 'x'), f('%i', -0.0), f('%.0f %.0f %.0f', 0.5, 1.5, 2.5))
print(f('%.14g %.17g %.20f', 0.1, 0.1, 0.5), f('%5.2f%%', 99.5))

-- what %q writes can be read back
for _, v in ipairs { 0.1, -1 / 3, 2 ^ 63, 1e-300, math.maxinteger, math.mininteger, 'a\r\n\0\1\0019"\\', true, 1 / 0, -1 / 0 } do
  assert(load('return ' .. f('%q', v))() == v)
end

-- long strings, many arguments
assert(f('%s', ('x'):rep(2000)) == ('x'):rep(2000) and #f('%99d', 1) == 99 and f('%.99f', 1):find '^1%.0+$')
local fmt, args = {}, {}
for i = 1, 60 do fmt[i] = '%d'; args[i] = i end
assert(f(table.concat(fmt, ' '), table.unpack(args)) == table.concat(args, ' '))

-- errors
local function fails(msg, ...)
  local ok, e = pcall(string.format, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails('(no value)', '%s')
fails('(no value)', '%d')
fails("bad argument #2 to 'string.format' (number has no integer representation)", '%d', 1.5)
fails("bad argument #2 to 'string.format' (number expected, got string)", '%d', 'x')
fails('number has no integer representation', '%x', '1.5')
fails("invalid conversion '%y' to 'format'", '%y', 1)
fails("invalid conversion", '%0123d', 1)
fails('invalid conversion', '%123d', 1)
fails('invalid conversion', '%.123d', 1)
fails('value has no literal form', '%q', {})
fails("specifier '%q' cannot have modifiers", '%5q', 'x')
fails('string contains zeros', '%5s', 'a\0b')
