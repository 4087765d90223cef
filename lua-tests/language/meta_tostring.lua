-- __tostring and __name; print uses tostring.

local t = setmetatable({}, { __tostring = function(self) return 'custom' end })
assert(tostring(t) == 'custom')
print(t, nil, true, 1, 1.0, 'str')

-- the result must be a string
local bad = setmetatable({}, { __tostring = function() return {} end })
local ok, e = pcall(tostring, bad)
assert(not ok and e == "'__tostring' must return a string")
ok, e = pcall(print, bad)
assert(not ok and e == "'__tostring' must return a string")

-- only a string
assert(not pcall(tostring, setmetatable({}, { __tostring = function() end })))
ok = pcall(tostring, setmetatable({}, { __tostring = function() return true end }))
assert(not ok)

-- __name
local named = setmetatable({}, { __name = 'My.Type' })
assert(tostring(named):match '^My%.Type: ')
local odd = setmetatable({}, { __name = 42 })
assert(tostring(odd):match '^table: ')

-- __name in messages
ok, e = pcall(function() return named + 1 end)
assert(not ok and e:find("attempt to perform arithmetic on a My.Type value (upvalue 'named')", 1, true), e)
ok, e = pcall(function() return #setmetatable({}, { __name = 'N' }) < named end)
assert(not ok and e:find('attempt to compare number with My.Type', 1, true), e)
ok, e = pcall(string.rep, named)
assert(not ok and e:find('string expected, got My.Type', 1, true), e)
ok, e = pcall(function() return named.x.y end)
assert(not ok and e:find("attempt to index a nil value (field 'x')", 1, true))

-- plain values
assert(tostring(nil) == 'nil' and tostring(true) == 'true' and tostring(false) == 'false')
assert(tostring 'x' == 'x' and tostring(12) == '12' and tostring(-0.5) == '-0.5')
assert(tostring({}):match '^table: ' and tostring(print):match '^builtin' or tostring(print):match '^function')
assert(tostring(function() end):match '^function: ' and tostring(coroutine.create(print)):match '^thread: ')
assert(tostring({}) ~= tostring({}))
local same = {}
assert(tostring(same) == tostring(same))
assert(not pcall(tostring))

-- string.format('%s') uses it; concat does not
assert(string.format('%s/%s', t, 1) == 'custom/1' and string.format('%10s|', t) == '    custom|')
assert(not pcall(function() return t .. '' end))
assert(not pcall(table.concat, { t }))

-- nested
local list = setmetatable({ 1, t, 'x' }, { __tostring = function(l)
  local r = {}
  for i, v in ipairs(l) do r[i] = tostring(v) end
  return '[' .. table.concat(r, ', ') .. ']'
end })
assert(tostring(list) == '[1, custom, x]')
print(list)

-- an error inside
ok, e = pcall(tostring, setmetatable({}, { __tostring = function() error('ts', 0) end }))
assert(not ok and e == 'ts')

-- io.write does not use it
assert(not pcall(io.write, t))
