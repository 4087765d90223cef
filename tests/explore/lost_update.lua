-- Lost update: each of two clerks reads the stock from one server and the orders from another, and writes back what is left. Between
-- reading and writing the other clerk may have written. Mended, the server itself takes away.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local stock = c.server { state = { n = 10 }, call = {
  get = function(s) return s.n end,
  set = function(s, r) s.n = r[2] return true end,
  take = function(s, r) s.n = s.n - r[2] return s.n end,
} }
local orders = c.server { call = function() return 3 end }
local function clerk()
  if is_mended then
    c.call(stock, { 'take', c.call(orders, 'next') })
  else
    local n = c.call(stock, 'get')
    c.call(stock, { 'set', n - c.call(orders, 'next') })
  end
end
c.spawnmonitor(clerk)
c.spawnmonitor(function()
  for _ = 1, 3 do c.call(orders, 'next') end
  clerk()
end)
for _ = 1, 2 do c.receive() end
local n = c.call(stock, 'get')
assert(n == 4, 'an update is lost: ' .. n .. ' are left')
os.exit(0)
