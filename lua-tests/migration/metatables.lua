-- Metatables stay those of their tables, shared, protected, of strings, and of themselves.
local Class = { count = 0 }
Class.__index = Class
function Class.new(n)
  Class.count = Class.count + 1
  return setmetatable({ n = n }, Class)
end
function Class:double() return Class.new(self.n * 2) end
local own = {}
own.__index = own
setmetatable(own, own)
local protected = setmetatable({}, { __metatable = 'locked' })
for round = 1, 20 do
  local a, b = Class.new(round), Class.new(1)
  assert(getmetatable(a) == Class and getmetatable(a) == getmetatable(b) and a:double().n == 2 * round)
  assert(Class.count == 3 * round and getmetatable(own) == own)
  assert(getmetatable(protected) == 'locked' and not pcall(setmetatable, protected, {}))
  assert(getmetatable('').__index == string and ('x'):rep(3) == 'xxx')
end
