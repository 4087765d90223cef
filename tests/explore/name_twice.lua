-- A name registered twice: two processes look whether the name is given, and each believes that it is the one. Mended, the answer
-- of `register` decides.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local me = c.self()
local function lead()
  if is_mended then
    c.send(me, { leader = c.register('leader') })
  elseif c.whereis('leader') == nil then
    -- It gets ready to lead.
    for _ = 1, 20 do c.self() end
    c.register('leader')
    c.send(me, { leader = true })
  else
    c.send(me, { leader = false })
  end
  c.receive()
end
c.spawn(lead)
c.spawn(lead)
local leaders = 0
for _ = 1, 2 do
  if c.receive().leader then leaders = leaders + 1 end
end
assert(leaders == 1, leaders .. ' believe that they lead')
os.exit(0)
