-- Bad arguments: number, name of the function, method calls.

local function is(want, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok)
  e = e:gsub('^.-:%d+: ', '')
  assert(e == want, e)
end

-- the name under which the function was called
is("bad argument #1 to 'insert' (table expected, got nil)", function() table.insert(nil, 1) end)
is("bad argument #1 to 'ins' (table expected, got nil)", function() local ins = table.insert; ins(nil, 1) end)
is("bad argument #1 to 'table.insert' (table expected, got nil)", table.insert, nil, 1)
is("bad argument #1 to 'concat' (table expected, got string)", function() table.concat('x'); return 1 end)
is("bad argument #2 to 'concat' (string expected, got table)", function() table.concat({}, {}); return 1 end)
is("bad argument #1 to 'setmetatable' (table expected, got number)", function() setmetatable(1, {}); return 1 end)
is("bad argument #2 to 'setmetatable' (nil or table expected, got number)", function() setmetatable({}, 1); return 1 end)
is("bad argument #1 to 'tonumber' (string expected, got number)", function() tonumber(5, 10); return 1 end)
is("bad argument #2 to 'tonumber' (base out of range)", function() tonumber('5', 99); return 1 end)
is("bad argument #1 to 'select' (index out of range)", function() select(0); return 1 end)
is("bad argument #1 to 'select' (number expected, got string)", function() select('x'); return 1 end)
is("bad argument #1 to 'floor' (number expected, got string)", function() math.floor('x'); return 1 end)
is("bad argument #1 to 'floor' (number expected, got no value)", function() math.floor(); return 1 end)
is("bad argument #1 to 'random' (interval is empty)", function() math.random(-1); return 1 end)
is("bad argument #1 to 'char' (value out of range)", function() string.char(300); return 1 end)
is("bad argument #1 to 'create' (function expected, got nil)", function() coroutine.create(nil); return 1 end)
is("bad argument #1 to 'resume' (thread expected, got number)", function() coroutine.resume(5); return 1 end)
is("bad argument #1 to 'rawlen' (table or string expected, got number)", function() rawlen(5); return 1 end)
is("bad argument #1 to 'collectgarbage' (invalid option 'x')", function() collectgarbage('x'); return 1 end)
is("bad argument #1 to 'codepoint' (string expected, got nil)", function() utf8.codepoint(nil); return 1 end)

-- methods: self does not count
is("bad argument #1 to 'rep' (number expected, got string)", function() return ('x'):rep('y') .. '' end)
is("bad argument #2 to 'rep' (string expected, got table)", function() return ('x'):rep(2, {}) .. '' end)
is("bad argument #1 to 'find' (string expected, got no value)", function() return ('x'):find() .. '' end)
is("calling 'upper' on bad self (string expected, got table)", function()
  local o = setmetatable({}, { __index = string })
  return o:upper() .. ''
end)
is("calling 'write' on bad self (FILE* expected, got table)", function()
  local o = { write = io.stdout.write }
  o:write('x')
end)

-- a library function as a field of another table
local lib = { go = string.rep, sub = { deep = math.abs } }
is("bad argument #1 to 'go' (string expected, got nil)", function() lib.go(nil); return 1 end)
is("bad argument #1 to 'deep' (number expected, got boolean)", function() lib.sub.deep(true); return 1 end)

-- names of types
is("bad argument #1 to 'abs' (number expected, got nil)", function() math.abs(nil); return 1 end)
is("bad argument #1 to 'abs' (number expected, got function)", function() math.abs(print); return 1 end)
is("bad argument #1 to 'abs' (number expected, got thread)", function() math.abs(coroutine.create(print)); return 1 end)
is("bad argument #1 to 'abs' (number expected, got FILE*)", function() math.abs(io.stdout); return 1 end)
is("bad argument #1 to 'abs' (number expected, got My)", function() math.abs(setmetatable({}, { __name = 'My' })); return 1 end)

-- wrong numbers of arguments
is("wrong number of arguments to 'insert'", function() table.insert({}, 1, 2, 3) end)
is('wrong number of arguments', function() math.random(1, 2, 3); return 1 end)
