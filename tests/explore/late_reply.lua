-- A reply after its timeout, taken for the next: questions by plain messages. Mended, `call` drops what comes late.
local c = require 'concurrent'
local is_mended = ... == 'mended'
local me = c.self()
local function worker()
  while true do
    local m = c.receive()
    -- It takes about half of the time that its client has.
    c.sleep(7)
    if m.signal then c.reply(m, m.request * 10) else c.send(m.from, m.request * 10) end
  end
end
local p = c.spawn(worker)
local function ask(n)
  if is_mended then return (c.call(p, n, 10)) end
  c.send(p, { from = me, request = n })
  return c.receive(10)
end
for n = 1, 5 do
  local answer = ask(n)
  assert(answer == nil or answer == n * 10, 'asked ' .. n .. ', and was told ' .. tostring(answer))
end
os.exit(0)
