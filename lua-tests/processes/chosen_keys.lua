-- test: processes
-- A table whose keys were chosen to meet goes on as it is in a spawned process, and comes by message with all entries.
local concurrent = require 'concurrent'
local function integer(i) return i * (66557611 << 25) end
local function word(i) return string.pack('<i8i8', 16, i) end
local t = {}
for i = 1, 60 do t[integer(i)], t[word(i)] = i, -i end
local me = concurrent.self()
concurrent.spawn(function(same)
  for i = 1, 60 do assert(t[integer(i)] == i and t[word(i)] == -i and same[word(i)] == -i) end
  for i = 61, 200 do t[integer(i)], t[word(i)] = i, -i end
  concurrent.send(me, t)
end, t)
local received = concurrent.receive()
local n = 0
for _ in pairs(received) do n = n + 1 end
assert(n == 400)
for i = 1, 200 do assert(received[integer(i)] == i and received[word(i)] == -i) end
assert(t[integer(61)] == nil and t[word(61)] == nil)

-- Large ones, with values of all kinds and keys that came and went, also inside others and by a pattern.
for _, n in ipairs { 30, 1500 } do
  local large, inner = {}, { 'inner' }
  for i = 1, n do
    large[integer(i)], large[word(i)], large[i + 0.5] = i % 3 == 0 and { i } or i % 3 == 1 and 'text ' .. i or i, inner, i % 2 == 0
  end
  for i = 1, n, 5 do large[integer(i)] = nil end
  large.name, large[1], large[2] = 'large', 'one', { large = 2 }
  concurrent.send(me, { large, large, tag = 'pair' })
  concurrent.send(me, large)
  local only = concurrent.receive(1, { name = 'large', [word(7)] = { 'inner' }, [integer(2)] = 2 })
  local pair = concurrent.receive(1, { tag = 'pair' })
  assert(pair[1] == pair[2])
  for _, t in ipairs { only, pair[1] } do
    local count = 0
    for k, v in pairs(t) do
      count = count + 1
      assert(t[k] == v)
    end
    assert(count == 3 * n - (n + 4) // 5 + 3)
    for i = 1, n do
      local v = t[integer(i)]
      if i % 5 == 1 then
        assert(v == nil)
      elseif i % 3 == 0 then
        assert(v[1] == i)
      else
        assert(v == (i % 3 == 1 and 'text ' .. i or i))
      end
      assert(t[word(i)] == t[word(1)] and t[i + 0.5] == (i % 2 == 0))
    end
    assert(t.name == 'large' and t[1] == 'one' and t[2].large == 2 and t[word(1)][1] == 'inner' and t[word(0)] == nil)
    t[integer(1)], t[word(n + 1)] = 'new', 'newer'
    assert(t[integer(1)] == 'new' and t[word(n + 1)] == 'newer')
  end
end
