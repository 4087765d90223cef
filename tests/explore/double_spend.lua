-- Double spending: a transfer looks at the balance in one step and takes the money in another. Mended, it is one.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local account = c.server { state = { balance = 100 }, call = {
  balance = function(s) return s.balance end,
  withdraw = function(s, r) s.balance = s.balance - r[2] return true end,
  transfer = function(s, r)
    if s.balance < r[2] then return false end
    s.balance = s.balance - r[2]
    return true
  end,
} }
local function pay(sum)
  if is_mended then return c.call(account, { 'transfer', sum }) end
  if c.call(account, 'balance') < sum then return false end
  return c.call(account, { 'withdraw', sum })
end
for i = 1, 2 do
  c.spawnmonitor(function()
    -- The second has more to do before it pays.
    for _ = 1, 3 * (i - 1) do c.call(account, 'balance') end
    pay(80)
  end)
end
for _ = 1, 2 do c.receive() end
local left = c.call(account, 'balance')
assert(left >= 0, 'the balance is ' .. left)
os.exit(0)
