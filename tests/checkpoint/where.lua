-- A process is written down, or moves, from within what it may be in the middle of. The first argument says which, the
-- second where to: the path of a checkpoint, or a node's name after `migrate `, or `nothing` for comparison.
local concurrent = require 'concurrent'
local kind, path = ...
local node = path:match '^migrate (.*)'
local save = function()
  if node then return concurrent.migrate(node) end
  return path == 'nothing' or concurrent.checkpoint(path)
end
local cases = {}

function cases.locals()
  local a, b, t = 1, 'two', { 3, x = { y = 4 } }
  local said = save()
  print(said, a, b, t[1], t.x.y)
end
function cases.shared_upvalues()
  local n = 0
  local function add() n = n + 1 end
  local function get() return n end
  add()
  local said = save()
  add()
  print(said, get())
end
function cases.nested_pcall()
  print(pcall(function()
    local ok, why = pcall(function()
      local said = save()
      error(said, 0)
    end)
    error(tostring(why) .. ' again', 0)
  end))
end
function cases.in_a_coroutine()
  local co = coroutine.wrap(function(a)
    local said = save()
    local b = coroutine.yield(said, a)
    return b
  end)
  print(co(1))
  print(co(2))
end
function cases.suspended_coroutines()
  local outer = coroutine.create(function()
    local inner = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i) end end)
    for i = 1, 5 do coroutine.yield(inner() * 10) end
  end)
  local _, first = coroutine.resume(outer)
  local said = save()
  local _, second = coroutine.resume(outer)
  print(said, first, second)
end
function cases.sort()
  local said
  local t = { 5, 3, 8, 1 }
  table.sort(t, function(a, b) said = said or save() return a < b end)
  print(said, table.concat(t, ' '))
end
function cases.gsub()
  local said
  print(string.gsub('abc', '.', function(c) said = said or save() return c:upper() .. '.' end), said)
end
local metamethods = { __index = 't.x', __newindex = '(function() t.x = 1 return 1 end)()', __add = 't + 1',
  __concat = 't .. "x"', __lt = 't < other', __le = 't <= other', __eq = 't == other', __len = '#t', __call = 't(5)',
  __unm = '-t', __tostring = 'tostring(t)' }
for event, expression in pairs(metamethods) do
  cases[event] = function()
    local said
    local ask = function() said = save() return 'x' end
    local t, other = setmetatable({}, { [event] = ask }), setmetatable({}, { [event] = ask })
    print(said, load('local t, other = ... return ' .. expression)(t, other), said)
  end
end
function cases.pairs_in_the_middle()
  local t, seen = {}, {}
  for i = 1, 20 do t['k' .. i] = i t[i] = i t[i + 0.5] = i end
  t[true] = 1 t[print] = 1
  local said, n = nil, 0
  for k, v in pairs(t) do
    assert(not seen[k])
    seen[k], n = true, n + 1
    if n == 25 then said = save() end
  end
  print(said, n)
end
function cases.to_be_closed()
  local said
  do
    local x <close> = setmetatable({}, { __close = function() print('closed', said) end })
    said = save()
  end
end
function cases.varargs()
  local function f(...) local said = save() return said, select('#', ...), ... end
  print(f(1, nil, 3, nil))
end
function cases.own_pid()
  local own = concurrent.self()
  local t = { [own] = 'me', pid = own }
  concurrent.send(own, { to = own, [own] = 1 })
  local said = save()
  local m = concurrent.receive()
  print(said, t[concurrent.self()], t.pid == concurrent.self(), m.to == concurrent.self(), m[concurrent.self()])
end
function cases.mailbox()
  for i = 1, 3 do concurrent.send(concurrent.self(), { n = i, f = function(x) return x + i end }) end
  local said = save()
  for i = 1, 3 do local m = concurrent.receive() io.write(m.n, ' ', m.f(10), ' ') end
  print(said, concurrent.receive(0))
end
function cases.in_a_match_function()
  for i = 1, 5 do concurrent.send(concurrent.self(), i) end
  local said
  local got = concurrent.receive(60000, function(m) if m == 3 then said = save() return true end end)
  print(said, got, concurrent.receive(), concurrent.receive(), concurrent.receive())
end
function cases.deadline()
  -- The time that a wait has left is counted from where it stood.
  concurrent.send(concurrent.self(), 1)
  local said
  local got = concurrent.receive(200, function() said = save() return false end)
  print(said, got)
end
function cases.links()
  concurrent.setoption('trapexit', true)
  local other = concurrent.spawnlink(function() concurrent.receive() end)
  local watched = concurrent.spawnmonitor(function() concurrent.receive() end)
  concurrent.register 'mine'
  concurrent.sleep(0)
  local said = save()
  if said == 'resumed' then
    local got = {}
    for _ = 1, 2 do local m = concurrent.receive() got[m.signal] = m.reason end
    print(said, got.EXIT, got.DOWN, concurrent.whereis 'mine', concurrent.isprocessalive(other),
      concurrent.isprocessalive(watched))
  else
    print(said, 'noconnection', 'noconnection', nil, false, false)
  end
end
function cases.a_child()
  local parent = concurrent.self()
  local child = concurrent.spawn(function()
    local me = concurrent.self()
    local said = save()
    print(said, concurrent.self() == me)
    concurrent.spawn(function() print 'a child of its own' end)
    concurrent.sleep(1)
    while #concurrent.processes() > (said == true and 2 or 1) do concurrent.sleep(1) end
  end)
  concurrent.loop()
end
function cases.deep()
  local function down(n) if n == 0 then return save() end local said = down(n - 1) return said end
  print(down(10000))
end
function cases.values()
  local t = { math.mininteger, math.maxinteger, 0.0, -0.0, 1 / 0, 2 ^ 53, '', ('x'):rep(100000), true, false, n = 0 }
  local said = save()
  print(said, t[1], t[2], t[3], 1 / t[4], t[5], t[6], #t[7], #t[8], t[9], t[10], math.type(t[3]))
end
function cases.loaded_code()
  local f = load('local save = ... local x = 7 local said = save() return said, x')
  print(f(save))
end
function cases.weak()
  local kept = {}
  local weak = setmetatable({ kept, {} }, { __mode = 'v' })
  collectgarbage()
  local said = save()
  print(said, weak[1] == kept, weak[2])
end
function cases.options()
  local child = concurrent.spawn(function()
    concurrent.setoption('trapexit', true)
    local said = save()
    print(said, concurrent.getoption 'trapexit')
  end)
  concurrent.loop()
end

if not node and path ~= 'nothing' then return cases[kind]() end
-- The main script stays where it is.
if node then assert(concurrent.init 'home@localhost') end
local child = concurrent.spawnmonitor(cases[kind])
repeat
  local m = concurrent.receive()
  assert(m.reason == 'normal', m.reason)
until m.from == child
os.exit(0)
