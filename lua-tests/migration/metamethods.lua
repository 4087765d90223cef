-- From inside metamethods of every kind.
local asked = {}
local function event(name, result)
  return function(...)
    local n = 0
    for i = 1, 5 do n = n + i end
    asked[name] = (asked[name] or 0) + 1
    if result ~= nil then return result end
    return n
  end
end
local mt = { __index = event '__index', __call = event '__call', __len = event '__len', __tostring = event('__tostring', 'text'),
  __eq = event('__eq', true), __lt = event('__lt', true), __le = event('__le', false), __concat = event '__concat',
  __unm = event '__unm', __bnot = event '__bnot', __name = 'thing' }
for _, name in ipairs { 'add', 'sub', 'mul', 'div', 'mod', 'pow', 'idiv', 'band', 'bor', 'bxor', 'shl', 'shr' } do
  mt['__' .. name] = event('__' .. name)
end
mt.__newindex = function(t, k, v) asked.__newindex = (asked.__newindex or 0) + 1 rawset(t, k, v) end
mt.__pairs = function(t) asked.__pairs = (asked.__pairs or 0) + 1 return function(_, k) return not k and 1 or nil end, t, nil end
mt.__close = event('__close', true)
local function thing() return setmetatable({}, mt) end
local rounds = 3
for round = 1, rounds do
  local a, b = thing(), thing()
  assert(a.x == 15 and a(1, 2) == 15 and #a == 15 and tostring(a) == 'text' and a == b and a < b and not (a <= b))
  assert(a .. 'x' == 15 and -a == 15 and ~a == 15)
  assert(a + 1 == 15 and 1 - a == 15 and a * b == 15 and a / 2 == 15 and a % 2 == 15 and a ^ 2 == 15 and a // 2 == 15)
  assert(a & 1 == 15 and 1 | a == 15 and a ~ 1 == 15 and a << 1 == 15 and a >> 1 == 15)
  a.y = 1
  assert(rawget(a, 'y') == 1)
  for k in pairs(a) do assert(k == 1) end
  do local c <close> = a end
end
local collected = false
setmetatable({}, { __gc = function() local n = 0 for i = 1, 10 do n = n + i end collected = n == 55 end })
collectgarbage()
assert(collected)
for name in pairs(mt) do
  if name ~= '__name' then assert(asked[name] == rounds, name) end
end
-- Chains of tables and functions.
local base = setmetatable({ deep = 1 }, { __index = function(_, k) return k .. '?' end })
local object = setmetatable({}, { __index = setmetatable({}, { __index = base }) })
assert(object.deep == 1 and object.other == 'other?')
