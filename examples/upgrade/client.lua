-- Asks the counter again and again, and says where the answers come from and how long the longest took. No number is missing.
--
--   rlua-actor run examples/upgrade/client.lua old@localhost 300
local concurrent = require 'concurrent'
assert(concurrent.init 'client@localhost')
local node, most = (...) or 'old@localhost', tonumber((select(2, ...))) or 300
assert(concurrent.isnodealive(node))
local counter = concurrent.whereis 'counter'

local at, longest = nil, 0
for i = 1, most do
  local asked = concurrent.time()
  concurrent.send(counter, { from = concurrent.self() })
  local answer = concurrent.receive(10000)
  assert(answer and answer.n == i, 'an answer is missing')
  longest = math.max(longest, concurrent.time() - asked)
  if answer.at ~= at then
    at = answer.at
    print(('answer %d comes from %s'):format(i, at))
  end
  concurrent.sleep(10)
end
print(('%d answers, none missing; the longest took %.0f ms'):format(most, longest))
os.exit(0)
