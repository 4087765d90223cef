-- A ring of busy processes that draw lots and write to files and pipes: calls of the system under way.
local concurrent = require 'concurrent'
local root = concurrent.self()
local N = 12

local function member(i)
  local next = concurrent.receive()
  local f = io.tmpfile()
  while true do
    local m = concurrent.receive()
    f:write(m.hops, '\n')
    f:flush()
    m.path[#m.path + 1] = i
    for _ = 1, math.random(3000) do end
    if m.hops == 0 then
      f:seek 'set'
      m.file = f:read 'a'
      concurrent.send(root, m)
    else
      m.hops = m.hops - 1
      concurrent.send(next, m)
    end
    if m.hops % 7 == 0 then io.write(i, ' ', concurrent.time(), '\n') end
  end
end
local ring = {}
for i = 1, N do ring[i] = concurrent.spawn(member, i) end
for i = 1, N do concurrent.send(ring[i], ring[i % N + 1]) end
for i = 1, 6 do concurrent.send(ring[math.random(N)], { hops = 40 + i, path = {} }) end
for _ = 1, 6 do
  local m = concurrent.receive()
  print(table.concat(m.path, ' '), #m.file)
end
print(io.popen('echo from a pipe'):read 'l')
for _, p in ipairs(ring) do concurrent.kill(p) end
print(concurrent.loop(), concurrent.time())
