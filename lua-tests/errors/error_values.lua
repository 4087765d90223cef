-- error: levels, values that are no strings, rethrowing.

local function catch(f, ...) local r = table.pack(pcall(f, ...)); return r[1], r[2], r.n end

-- the position is added to strings, by level
local function at0() error('m', 0) end
local function at1() error('m', 1) end
local function at2() error('m', 2) end
local function default() error 'm' end
local _, e = catch(at0)
assert(e == 'm')
_, e = catch(at1)
assert(e:match '^.*error_values.lua:7: m$', e)
_, e = catch(default)
assert(e:match 'error_values.lua:9: m$')
_, e = catch(function()
  at2()                                          -- line 17
end)
assert(e:match 'error_values.lua:17: m$', e)
_, e = catch(function() error('m', 50) end)      -- no such level: no position
assert(e == 'm')
local function level3() error('deep', 3) end
local function mid() level3() return nil end
_, e = catch(function()
  mid()                                          -- line 25
end)
assert(e:match 'error_values.lua:25: deep$', e)

-- other values travel unchanged
local t = { code = 1 }
local ok, v, n = catch(error, t)
assert(ok == false and v == t and n == 2)
for _, val in ipairs { 42, 1.5, true, false, print, io.stdout, coroutine.create(print) } do
  ok, v = catch(error, val)
  assert(not ok and v == val)
end
ok, v, n = catch(error)
assert(not ok and v == nil and n == 2)
ok, v = catch(error, nil)
assert(not ok and v == nil)
ok, v = catch(error, 42, 1)
assert(v == 42 and math.type(v) == 'integer')

-- objects with __tostring stay objects
local E = setmetatable({}, { __tostring = function() return 'an error object' end })
ok, v = catch(error, E)
assert(v == E and tostring(v) == 'an error object')

-- rethrow keeps identity and text
ok, v = catch(function()
  local ok2, v2 = pcall(error, t)
  assert(not ok2)
  error(v2)
end)
assert(v == t)
ok, v = catch(function() local _, m = pcall(default); error(m, 0) end)
assert(v:match 'error_values.lua:9: m$')

-- nested pcall: the innermost catches
local log = {}
ok = pcall(function()
  pcall(function() pcall(error, 'x'); log[#log + 1] = 'inner' end)
  log[#log + 1] = 'outer'
end)
assert(ok and table.concat(log, ' ') == 'inner outer')

-- assert
ok, v = catch(assert, false)
assert(v == 'assertion failed!')
ok, v = catch(assert, nil, 'message')
assert(v == 'message')
ok, v = catch(assert, false, t)
assert(v == t)
ok, v = catch(assert, false, nil)
assert(v == nil)
ok, v = catch(assert)
assert(v:find("bad argument #1 to 'assert' (value expected)", 1, true))
assert(select('#', assert(1, 2, 3)) == 3 and assert('x', 'unused') == 'x')

-- pcall results
assert(select('#', pcall(function() end)) == 1 and select('#', pcall(function() return nil, nil end)) == 3)
ok, v = pcall(42)
assert(not ok and v == 'attempt to call a number value')
assert(not pcall(pcall) and select(2, pcall(pcall, error, 'e')) == false)
