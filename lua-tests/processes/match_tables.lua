-- test: processes
-- Tables to match of any size and shape; one that contains itself is an error that says so.
local c = require 'concurrent'
local me = c.self()
local function put(...) for _, m in ipairs { ... } do c.send(me, m) end end

-- More fields than any message that somebody writes by hand.
local many = {}
for i = 1, 120000 do many[i] = i end
for i = 1, 5000 do many['name ' .. i] = { i } end
local other = table.move(many, 1, #many, 1, {})
for i = 1, 5000 do other['name ' .. i] = { i } end
other['name 5000'] = { 0 }
put(other, many)
assert(c.receive(0, many)['name 5000'][1] == 5000)
assert(c.receive(0, many) == nil)
assert(c.receive(0)['name 5000'][1] == 0)

-- Shared tables, on both sides.
local one = { 1 }
put({ a = { 1 }, b = { 1 }, id = 'apart' }, { a = one, b = one, id = 'shared' })
assert(c.receive(0, { a = one, b = one }).id == 'apart')
assert(c.receive(0, { a = { 1 }, b = { 1 } }).id == 'shared')

-- A message that contains itself.
local loop = { id = 'loop' }
loop.me = loop
put({ id = 'no loop', me = { id = 'loop' } }, loop)
local m = c.receive(0, { me = { me = { id = 'loop' } } })
assert(m.id == 'loop' and m.me == m)
assert(c.receive(0).id == 'no loop')

-- A pattern that does.
local cyclic = { a = { {} } }
cyclic.a[1].back = cyclic
put('text')
for _, timeout in ipairs { 0, 10 } do
  local ok, e = pcall(c.receive, timeout, cyclic)
  assert(not ok and e:find('the table to match contains itself', 1, true), e)
end
assert(c.receive(0) == 'text')
assert(not pcall(c.receive, 0, cyclic))

-- Classes, known or not, are looked through; who does not fit does no harm.
local Point = {}
c.metatable('Point', Point)
put(setmetatable({ x = 1 }, Point), setmetatable({ x = 2 }, Point))
assert(getmetatable(c.receive(0, { x = 2 })) == Point)
assert(c.receive(0).x == 1)
local p = c.spawn(function()
  c.send(me, c.receive(nil, { go = true }).id)
  c.send(me, select(2, pcall(c.receive, nil, { x = 1 })))
end)
c.metatable('Late', Point)
put = function(...) for _, m in ipairs { ... } do c.send(p, m) end end
local Unknown = {}
c.metatable('Unknown', Unknown)
put(setmetatable({ x = 1 }, Unknown), { go = true, id = 'here' })
assert(c.receive() == 'here')
assert(c.receive():find("class 'Unknown', which the receiver has not registered", 1, true))

-- By numbers of both kinds, long strings, nested lists of numbers.
put = function(...) for _, m in ipairs { ... } do c.send(me, m) end end
local long = ('x'):rep(100)
put({ n = 1, list = { 1, 2, 3, 4, 5 } }, { n = 2.0, list = { 1.5, 2.5, 3.5, 4.5 } }, { [long] = long, again = long })
assert(c.receive(0, { n = 2 }).list[4] == 4.5)
assert(c.receive(0, { list = { [5] = 5.0 } }).n == 1)
assert(c.receive(0, { again = ('x'):rep(100) })[long] == long)

-- What the system tells.
local q = c.spawn(function() c.receive() c.exit({ code = 7 }) end)
c.monitor(q)
put('before')
c.send(q, 'go')
assert(c.receive(nil, { signal = 'DOWN', from = q, reason = { code = 7 } }).reason.code == 7)
assert(c.receive(0) == 'before')
