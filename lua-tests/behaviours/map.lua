-- test: processes
-- The rows of concurrent.map in spec/behaviours.md.
local concurrent = require 'concurrent'
local row = require 'modules.rows'
local map = concurrent.map
local me = concurrent.self()

local function fails(text, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and tostring(e):find(text, 1, true), e)
end

row('results stand where their elements do', function()
  local list = {}
  for i = 1, 200 do list[i] = i end
  local out = map(list, function(x) return x * x end)
  assert(#out == 200)
  for i = 1, 200 do assert(out[i] == i * i) end
end)
row('the function gets the index, too', function()
  local out = map({ 'a', 'b' }, function(x, i) return x .. i end)
  assert(out[1] == 'a1' and out[2] == 'b2')
end)
row('an empty list', function() assert(next(map({}, print)) == nil) end)
row('nil as a result', function()
  local out = map({ 1, 2, 3 }, function(x) if x ~= 2 then return x end end)
  assert(out[1] == 1 and out[2] == nil and out[3] == 3)
end)
row('several are at work at a time', function()
  -- Each waits for the other.
  local pids = {}
  local gate = concurrent.server { state = {}, call = function(s, _, from)
    s[#s + 1] = from
    if #s == 2 then for _, other in ipairs(s) do concurrent.reply(other, #s) end end
    return nil, { noreply = true }
  end }
  local out = map({ 1, 2 }, function() return concurrent.call(gate, 1) end)
  assert(out[1] == 2 and out[2] == 2)
  require('concurrent.server').stop(gate)
end)
row('no more than the workers that were asked for', function()
  local out = map({ 1, 2, 3, 4, 5, 6 }, function() return concurrent.self() end, { workers = 2 })
  local seen, n = {}, 0
  for _, pid in ipairs(out) do
    if not seen[pid] then n = n + 1 end
    seen[pid] = true
  end
  assert(n <= 2)
end)
row('an error is raised as by the function', function()
  local ok, e = pcall(map, { 1, 2, 3 }, function(x) if x == 2 then error { bad = x } end return x end)
  assert(not ok and e.bad == 2)
end)
row('a process of it that is killed is an error', function()
  fails('the process of element 1 has ended: killed', map, { 1 }, function() concurrent.kill(concurrent.self()) concurrent.receive() end)
end)
row('a caller that is killed leaves nothing at work', function()
  local caller = concurrent.spawn(function()
    map({ 1, 2 }, function() concurrent.send(me, concurrent.self()) concurrent.receive() end)
  end)
  local a, b = concurrent.receive(), concurrent.receive()
  concurrent.kill(caller)
  for _, pid in ipairs { a, b } do
    concurrent.monitor(pid)
    assert(concurrent.receive(20000, { signal = 'DOWN', from = pid }))
  end
end)
row('other messages stay', function()
  concurrent.send(me, 1)
  map({ 1, 2 }, function() concurrent.send(me, 2) end)
  assert(concurrent.receive(0) == 1 and concurrent.receive(0) == 2 and concurrent.receive(0) == 2)
end)
row('wrong arguments are errors', function()
  fails("bad argument #1 to 'map' (list expected, got nil)", function() map() end)
  fails("bad argument #2 to 'map' (function expected, got number 1)", function() map({}, 1) end)
  fails("bad argument #3 to 'map' ('workers' is number 0, and must be a positive integer)", function() map({}, print, { workers = 0 }) end)
  fails("bad argument #3 to 'map' (there is no option 'worker')", function() map({}, print, { worker = 1 }) end)
  fails("bad argument #3 to 'map' ('nodes' is a table, and must be an array of names of nodes)", function() map({}, print, { nodes = {} }) end)
end)
