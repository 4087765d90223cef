-- Values of every kind, tables of every shape, in locals, globals and upvalues.
local c = require 'concurrent'
arg = nil -- it says where this lies
kept = 'a global'
local key, mt = {}, { __index = function(_, k) return k .. '?' end, __name = 'thing' }
local n = 0
local function add() n = n + 1 return n end
local t = { 1, 2.5, 'three', true, nil, 'six', [key] = 'by a table', [print] = 'by a native', [1.5] = 'by a float', [c.self()] = 'me',
  long = ('long '):rep(20), inner = setmetatable({}, mt), weak = setmetatable({ key }, { __mode = 'v' }), io = io.stdout }
t.self = t
add()
local function f(...)
  local said = c.checkpoint((...))
  if said == true then return end
  print(said, kept, add(), n, select('#', ...))
  print(t[1], t[2], t[3], t[4], t[5], t[6], t[key], t[print], t[1.5], t[c.self()], #t.long, t.inner.x, t.weak[1] == key, t.self == t)
  print(math.mininteger, -0.0, 1 / 0, string.rep('ab', 2), t.io == io.stdout)
end
f((...), nil, nil)
