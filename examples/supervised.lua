-- A service under a supervisor of the library: a store, and a worker that fails now and then. The worker is started again, the store
-- goes on; a worker that fails too often takes the service down, in order.
-- Run it with: rlua-actor run examples/supervised.lua
-- test: stderr=more than 3 restarts

local concurrent = require 'concurrent'
local supervisor = require 'concurrent.supervisor'

local store = {
  name = 'store',
  trapexit = true,
  init = function() return {} end,
  cast = { put = function(state, request) state[#state + 1] = request[2] end },
  call = { all = function(state) return table.concat(state, ' ') end },
  terminate = function(state, reason) print('the store ends with ' .. #state .. ' results: ' .. reason) end,
}
-- Divides; a division by zero ends it.
local worker = {
  name = 'worker',
  call = function(_, request)
    if request == 0 then concurrent.exit 'division by zero' end
    concurrent.cast('store', { 'put', 100 // request })
    return true
  end,
}

local service = concurrent.supervisor {
  intensity = 3,
  children = { { id = 'store', server = store }, { id = 'worker', server = worker } },
}
concurrent.monitor(service)

for _, n in ipairs { 5, 0, 20, 0, 50 } do
  -- Until there is a worker again.
  repeat
    local done, _, reason = concurrent.call('worker', n)
    if reason == 'division by zero' then print('the worker has failed at ' .. n) end
  until done or reason ~= 'noproc'
end
print('results', concurrent.call('store', 'all'))
for _, child in ipairs(supervisor.children(service)) do print(child.id, child.status) end

-- Twice more is too often.
for _ = 1, 2 do
  repeat
    local _, _, reason = concurrent.call('worker', 0)
  until reason ~= 'noproc'
end
print('the service has ended', concurrent.receive(nil, { signal = 'DOWN' }).reason)
