-- test: processes
-- Tables of the library are shared until somebody writes to one: nobody can tell.
local concurrent = require 'concurrent'

local function names(t)
  local all = {}
  for k in pairs(t) do all[#all + 1] = k end
  return table.concat(all, ' ')
end

-- A traversal goes on over stores to fields that are there, in the same order.
local order = names(string)
local kept, seen, first = string.format, {}, true
for k, v in pairs(string) do
  seen[#seen + 1] = k
  if first then
    string.format, first = 'written', false
  elseif k ~= 'format' then
    string[k] = v
  end
end
assert(table.concat(seen, ' ') == order)
assert(string.format == 'written' and ('x').format == 'written')
string.format = kept
assert(('%d'):format(3) == '3' and names(string) == order)

-- It goes on over fields that are taken away.
local count, n = 0, 0
for k in next, os do count = count + 1 end
for k in next, os do os[k], n = nil, n + 1 end
assert(n == count and next(os) == nil and os.time == nil)

-- New fields, by every way.
local u = utf8
utf8.new = 1
assert(u.new == 1 and u.char(65) == 'A' and rawequal(u, utf8))
rawset(coroutine, 'raw', 2)
assert(coroutine.raw == 2 and coroutine.isyieldable)
table.insert(debug, 'first')
assert(#debug == 1 and debug[1] == 'first' and debug.getinfo)
local lib = table
lib.move({ 7, 8, 9 }, 1, 3, 1, table)
assert(#table == 3 and table[2] == 8)
lib.sort(table, function(a, b) return a > b end)
assert(table[1] == 9 and table[3] == 7 and lib.concat(table, ',') == '9,8,7' and select('#', lib.unpack(table)) == 3)
assert(lib.remove(table) == 7 and #table == 2)

-- A metatable belongs to the table and not to what is shared.
local asked = {}
setmetatable(math, {
  __index = function(_, k) asked[#asked + 1] = k return k .. '!' end,
  __newindex = function(t, k, v) rawset(t, k, v + 1) end,
})
assert(math.none == 'none!' and math.floor(2.5) == 2)
math.two = 1
assert(math.two == 2 and asked[1] == 'none')
math.floor = math.ceil
assert(math.floor(2.5) == 3)
setmetatable(math, nil)
assert(math.none == nil and math.two == 2)

-- A library as a metatable: absent events are noticed when they come.
local t = setmetatable({}, concurrent)
assert(t.anything == nil and not pcall(function() return t + 1 end))
concurrent.__index = function(_, k) return k end
concurrent.__add = function(_, x) return x * 2 end
assert(t.anything == 'anything' and t + 4 == 8)
concurrent.__index, concurrent.__add = nil, nil
assert(t.anything == nil)

-- Weak, and collected.
setmetatable(coroutine, { __mode = 'kv' })
coroutine[{}] = 1
coroutine.object = {}
collectgarbage()
assert(coroutine.object == nil and coroutine.wrap)
local left = 0
for k in pairs(coroutine) do left = left + (type(k) == 'table' and 1 or 0) end
assert(left == 0)

-- A child has what its spawner had, and neither sees what the other writes later.
local main = concurrent.self()
local function child()
  local had = { utf8.new, math.two, rawget(concurrent, 'late') == nil, string.late == nil, utf8 == package.loaded.utf8 }
  string.late, utf8.new = 'child', 'child'
  concurrent.send(main, { had = had, now = { ('').late, utf8.new, names(utf8) } })
  concurrent.receive()
  concurrent.send(main, { string.late, concurrent.late })
end
local pid = concurrent.spawn(child)
concurrent.late, string.late = "parent", "parent"
local answer = concurrent.receive()
assert(answer.had[1] == 1 and answer.had[2] == 2 and answer.had[3] and answer.had[4] and answer.had[5])
assert(answer.now[1] == 'child' and answer.now[2] == 'child' and answer.now[3] == names(utf8))
assert(utf8.new == 1 and ('').late == 'parent')
concurrent.send(pid, 'go')
answer = concurrent.receive()
assert(answer[1] == 'child' and answer[2] == nil)

-- One that nobody wrote to, and one that only a child's child writes to.
concurrent.spawn(function()
  local io = io
  concurrent.spawn(function()
    getmetatable(io.stdout).__index.added = true
    concurrent.send(main, { io.stdout.added, rawequal(getmetatable(io.stdout).__index, getmetatable(io.stdin).__index) })
  end)
end)
answer = concurrent.receive()
assert(answer[1] == true and answer[2] == true and io.stdout.added == nil)

-- As a message it is a table like any other.
concurrent.send(main, { concurrent })
answer = concurrent.receive()
assert(answer[1] ~= concurrent and answer[1].send == concurrent.send)
