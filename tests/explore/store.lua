-- A client of examples/services/store.lua at n1, and replicas at n2 and n3, while what connects them breaks: when all is whole again, the
-- replicas agree.
local concurrent = require 'concurrent'
local group = require 'concurrent.group'
local store = require 'store'
local me = concurrent.node()
if me ~= 'n1@sim' then
  local other = me == 'n2@sim' and 'n3@sim' or 'n2@sim'
  while not concurrent.isnodealive(other) do concurrent.sleep(100) end
  store.serve(other)
  return
end
store.connect('n2@sim', 'n3@sim')
-- Things break for 16 s, and parts are apart for 32 s at most. Of what is written meanwhile little is written again.
local n, over = 0, concurrent.time() + 20000
repeat
  n = n + 1
  store.put('key ' .. math.random(50), n)
  concurrent.sleep(math.random(400))
until concurrent.time() > over
concurrent.sleep(60000)
local replicas = group.members 'store'
assert(#replicas == 2, #replicas .. ' replicas')
local a, b = assert(concurrent.call(replicas[1], 'all')), assert(concurrent.call(replicas[2], 'all'))
for _, pair in ipairs { { a, b }, { b, a } } do
  for key, entry in pairs(pair[1]) do
    local other = assert(pair[2][key], key .. ' is at one replica alone')
    assert(other.value == entry.value, key .. ' has two values')
  end
end
os.exit(0)
