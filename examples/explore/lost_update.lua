-- A race, to be found by trying many orders: two processes each add 1 to a number that a server keeps. Mended, they ask the server to.
--
--   rlua-actor explore --seeds 0..1000 examples/explore/lost_update.lua              finds a seed that fails
--   rlua-actor explore --seed 2 examples/explore/lost_update.lua                     runs that one again, the same way
--   rlua-actor explore --seeds 0..1000 examples/explore/lost_update.lua mended       finds nothing
local concurrent = require 'concurrent'
local call = concurrent.call

local number = concurrent.server {
  state = { n = 0 },
  call = {
    get = function(state) return state.n end,
    set = function(state, request) state.n = request[2] return true end,
    add = function(state, request) state.n = state.n + request[2] return true end,
  },
}
local is_mended = ... == 'mended'
local function add_one()
  if is_mended then
    call(number, { 'add', 1 })
  else
    -- What another process sets between these two is lost.
    local n = call(number, 'get')
    call(number, { 'set', n + 1 })
  end
end
concurrent.spawnmonitor(add_one)
concurrent.spawnmonitor(function()
  -- It has something else to do first, so that all goes well most of the time.
  call(number, 'get')
  add_one()
end)
for _ = 1, 2 do concurrent.receive() end
local n = call(number, 'get')
assert(n == 2, 'an update is lost: the number is ' .. n)
print 'both have counted'
os.exit(0)
