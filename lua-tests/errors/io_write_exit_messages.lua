-- Messages of io.write and os.exit.

local function is(want, f)
  local ok, e = pcall(f)
  assert(not ok)
  e = tostring(e)
  while e:find '^[^%s:]+:%d+: ' do e = e:gsub('^[^%s:]+:%d+: ', '') end
  assert(e == want, e)
end
is("bad argument #1 to 'write' (string expected, got table)", function() io.write({}) end)
is("bad argument #1 to 'write' (string expected, got nil)", function() io.write(nil) end)
is("bad argument #2 to 'write' (string expected, got table)", function() io.write('', {}) end)
is("bad argument #1 to 'write' (string expected, got boolean)", function() io.write(true) end)
is("bad argument #1 to 'write' (string expected, got function)", function() io.write(print) end)
is("bad argument #1 to 'exit' (number expected, got string)", function() os.exit('x') end)
is("bad argument #1 to 'exit' (number expected, got table)", function() os.exit({}) end)
is("bad argument #1 to 'exit' (number has no integer representation)", function() os.exit(1.5) end)
