-- Weak tables let go what nothing else holds, and keep the rest: weak values, weak keys, ephemerons.
local kept, key = {}, {}
local values = setmetatable({}, { __mode = 'v' })
local keys = setmetatable({}, { __mode = 'k' })
local both = setmetatable({}, { __mode = 'kv' })
for round = 1, 5 do
  values.kept, values.text, values[1] = kept, 'text', {}
  keys[key], keys[{}] = { key }, 'gone'
  both[key], both[{}] = kept, {}
  local chain = {}
  keys[chain] = { chain }
  chain = nil
  collectgarbage()
  assert(values.kept == kept and values.text == 'text' and values[1] == nil)
  assert(keys[key][1] == key)
  local n = 0
  for k in pairs(keys) do n = n + 1 assert(k == key) end
  assert(n == 1 and both[key] == kept)
  n = 0
  for _ in pairs(both) do n = n + 1 end
  assert(n == 1 and getmetatable(values).__mode == 'v')
end
