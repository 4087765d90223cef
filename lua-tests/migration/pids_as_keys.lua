-- test: processes
-- Pids as keys of tables, of processes here and of such as never were.
local c = require 'concurrent'
local own = c.self()
local children, t = {}, { [own] = 'me' }
for i = 1, 10 do
  children[i] = c.spawn(function() c.receive() end)
  t[children[i]] = i
end
for round = 1, 10 do
  assert(t[own] == 'me' and t[c.self()] == 'me')
  for i, pid in ipairs(children) do assert(t[pid] == i) end
  local n = 0
  for k, v in pairs(t) do
    assert(k == own or children[v] == k)
    n = n + 1
  end
  assert(n == 11)
  c.send(own, { [own] = round, who = children[1] })
  local m = c.receive()
  assert(m[own] == round and t[m.who] == 1)
end
for i, pid in ipairs(children) do
  assert(c.kill(pid))
  t[pid] = nil
end
assert(next(t) == own and next(t, own) == nil)
