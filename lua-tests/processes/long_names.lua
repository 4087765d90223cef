-- Names of processes and classes have at most 255 bytes; a longer one is nobody's.
local concurrent = require 'concurrent'
local longest, longer = ('n'):rep(255), ('n'):rep(256)
assert(concurrent.register(longest) and concurrent.whereis(longest) == concurrent.self())
for _, f in ipairs { concurrent.register, concurrent.unregister, function(name) return concurrent.metatable(name, {}) end } do
  local ok, message = pcall(f, longer)
  assert(not ok and message:find('name of 256 bytes; 255 are the most', 1, true), message)
end
assert(concurrent.metatable(longest, {}))
assert(concurrent.whereis(longer) == nil and not concurrent.isprocessalive(longer))
assert(not concurrent.send(('n'):rep(1000000), 'hello'))
assert(concurrent.unregister(longest) and concurrent.whereis(longest) == nil)
