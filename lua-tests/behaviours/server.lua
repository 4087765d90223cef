-- test: processes
-- test: stderr=attempt to call a nil value
-- The rows of concurrent.server in spec/behaviours.md.
local concurrent = require 'concurrent'
local row = require 'modules.rows'
local server = require 'concurrent.server'
local call, cast, send, receive = concurrent.call, concurrent.cast, concurrent.send, concurrent.receive
local me = concurrent.self()

local function fails(text, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(text, 1, true), e)
end
-- A server that tells what happens to it.
local function teller(t)
  t.terminate = t.terminate or function(state, reason) send(me, { terminate = reason, state = state }) end
  return t
end
local function ended(pid)
  concurrent.monitor(pid)
  return receive(20000, { signal = 'DOWN', from = pid }).reason
end

-- Start.

row('init makes the state of the arguments', function()
  local p = concurrent.server({ init = function(a, b) return { a = a, b = b } end, call = function(s) return s end }, 1, { 2 })
  local s = call(p, 1)
  assert(s.a == 1 and s.b[1] == 2)
  assert(server.stop(p))
end)
row('a state without init', function()
  local p = concurrent.server { state = { n = 0 }, call = function(s) s.n = s.n + 1 return s.n end }
  assert(call(p, 1) == 1 and call(p, 1) == 2)
  assert(server.stop(p))
end)
row('start waits for init', function()
  local order = {}
  local p = concurrent.server { init = function() send(me, 'init') for _ = 1, 10000 do end send(me, 'over') end }
  assert(receive(0) == 'init' and receive(0) == 'over')
  assert(server.stop(p))
end)
row('init that stops: start returns the reason', function()
  local p, why, reason = concurrent.server { init = function() return nil, { stop = 'no disk' } end }
  assert(p == nil and reason == 'no disk' and why:find('no disk', 1, true))
end)
row('init that wants to be ignored', function()
  local p, why, reason = concurrent.server { init = function() return nil, { ignore = true } end }
  assert(p == nil and reason == 'ignore')
  -- A normal end: who is linked lives.
  p, why, reason = server.startlink { init = function() return nil, { ignore = true } end }
  assert(p == nil and reason == 'ignore')
end)
row('init that fails: start returns the error', function()
  local p, why, reason = concurrent.server { init = function() local f f() end }
  assert(p == nil and why:find('the server has not started: ', 1, true) and reason:find 'attempt to call a nil value', why)
end)
row('a name is registered before init; one that is taken is a failure', function()
  local definition = { name = 'shop', init = function() return concurrent.whereis 'shop' == concurrent.self() end,
    call = function(s) return s end }
  local p = concurrent.server(definition)
  assert(call('shop', 1) == true)
  local q, why, reason = concurrent.server(definition)
  assert(q == nil and reason == 'taken' and why:find("the name 'shop' cannot be had", 1, true), why)
  -- Nor does it take a linked process along.
  q, why, reason = server.startlink(definition)
  assert(q == nil and reason == 'taken')
  assert(server.stop 'shop')
end)
row('startlink links', function()
  local p = server.startlink { cast = function() concurrent.exit 'broken' end }
  concurrent.setoption('trapexit', true)
  cast(p, 1)
  local m = receive()
  assert(m.signal == 'EXIT' and m.from == p and m.reason == 'broken')
  concurrent.setoption('trapexit', false)
end)
row('an end of its parent ends a linked server', function()
  local parent = concurrent.spawn(function()
    send(me, server.startlink(teller { trapexit = true }))
    receive()
    concurrent.exit 'over'
  end)
  local p = receive()
  concurrent.monitor(p)
  send(parent, 1)
  assert(receive().terminate == 'over')
  local m = receive()
  assert(m.signal == 'DOWN' and m.reason == 'over')
end)
row('continue runs before any message', function()
  local p = concurrent.server { init = function() return { 'init' }, { continue = 'more' } end,
    continue = function(s, what) s[#s + 1] = what end, call = function(s) return table.concat(s, ' ') end }
  assert(call(p, 1) == 'init more')
  assert(server.stop(p))
end)

-- Requests.

row('call: reply', function()
  local p = concurrent.server { call = function(_, request) return request * 2 end }
  for i = 1, 10 do assert(call(p, i) == 2 * i) end
  assert(server.stop(p))
end)
row('call: handlers by the name of the request', function()
  local p = concurrent.server { state = { n = 1 }, call = { get = function(s) return s.n end, add = function(s, r) s.n = s.n + r[2] return s.n end },
    cast = { reset = function(s) s.n = 0 end } }
  assert(call(p, 'get') == 1 and call(p, { 'add', 5 }) == 6)
  assert(cast(p, 'reset') and call(p, 'get') == 0)
  assert(server.stop(p))
end)
row('call: a new state', function()
  local p = concurrent.server { state = 1, call = function(s) return s, { state = s + 1 } end }
  for i = 1, 10 do assert(call(p, 'next') == i) end
  assert(server.stop(p))
end)
row('call: the reply later', function()
  local p = concurrent.server { state = {}, call = function(s, request, from)
    if request == 'wait' then s[#s + 1] = from return nil, { noreply = true } end
    for i, other in ipairs(s) do concurrent.reply(other, i) end
    return 'released'
  end }
  for _ = 1, 3 do concurrent.spawn(function() send(me, call(p, 'wait')) end) end
  repeat until #server.state(p) == 3
  assert(call(p, 'release') == 'released')
  assert(receive() + receive() + receive() == 6)
  assert(server.stop(p))
end)
row('call: stop with a reply', function()
  local p = concurrent.server(teller { state = 4, call = function() return 'bye', { stop = 'done' } end })
  assert(call(p, 1) == 'bye')
  local m = receive()
  assert(m.terminate == 'done' and m.state == 4)
  ended(p)
end)
row('call: stop without a reply', function()
  local p = concurrent.server { call = function() return nil, { noreply = true, stop = 'done' } end }
  local v, _, reason = call(p, 1)
  assert(v == nil and reason == 'done')
end)
row('call: a handler that fails ends the server, and its caller is told', function()
  local p = concurrent.server(teller { state = 7, call = function() local f f() end })
  local v, why, reason = call(p, 1)
  assert(v == nil and why:find 'has ended without an answer' and reason:find 'attempt to call a nil value')
  local m = receive()
  assert(m.state == 7 and m.terminate == reason)
end)
row('call: a request that nothing handles', function()
  local p = concurrent.server { call = { get = print } }
  local v, why = call(p, { 'set', 1 })
  assert(v == nil and why:find("there is no handler for the call string 'set' in this server's definition", 1, true), why)
  p = concurrent.server {}
  v, why = call(p, 5)
  assert(v == nil and why:find('there is no handler for the call number 5', 1, true), why)
end)
row('cast', function()
  local p = concurrent.server { state = {}, cast = function(s, r) s[#s + 1] = r end, call = function(s) return table.concat(s, ' ') end }
  for i = 1, 5 do cast(p, i) end
  assert(call(p, 1) == '1 2 3 4 5')
  assert(server.stop(p))
end)
row('info: all other messages', function()
  local p = concurrent.server { info = function(_, m) send(me, m) end }
  send(p, 5)
  send(p, { signal = 'mine' })
  assert(receive() == 5 and receive().signal == 'mine')
  assert(server.stop(p))
end)
row('a message that nothing handles is told on standard error', function()
  local p = concurrent.server { call = function() return true end }
  send(p, 'what')
  assert(call(p, 1))
  assert(server.stop(p))
end)

-- Timeouts.

row('timeout: no message within the time', function()
  local p = concurrent.server { init = function() return { n = 0 }, { timeout = 5 } end,
    timeout = function(s) s.n = s.n + 1 send(me, s.n) if s.n < 3 then return { timeout = 5 } end end }
  assert(receive() == 1 and receive() == 2 and receive() == 3)
  assert(receive(20) == nil)
  assert(server.stop(p))
end)
row('timeout: a message takes it away', function()
  local p = concurrent.server { init = function() return nil, { timeout = 1e6 } end, call = function() return true end,
    timeout = function() send(me, 'too long') end }
  assert(call(p, 1) and call(p, 2))
  assert(server.stop(p))
end)
row('timeout: 0 is after the messages that have come', function()
  local p = concurrent.server { init = function() return {} end, cast = function(s, r) s[#s + 1] = r return { timeout = 0 } end,
    timeout = function(s) send(me, #s) end }
  for _ = 1, 3 do cast(p, 1) end
  local last
  repeat last = receive() until last == 3
  assert(server.stop(p))
end)
row('timeout: without a handler is an error', function()
  local p = concurrent.server { cast = function() return { timeout = 0 } end }
  concurrent.monitor(p)
  cast(p, 1)
  assert(receive().reason:find("a handler has wanted a timeout, but the definition has no 'timeout'", 1, true))
end)

-- Ends.

row('stop: terminate, then the end with the reason', function()
  local p = concurrent.server(teller { state = 3 })
  concurrent.monitor(p)
  assert(server.stop(p, 'enough') == true)
  local m = receive()
  assert(m.terminate == 'enough' and m.state == 3)
  assert(receive().reason == 'enough')
end)
row('stop: after what was sent before', function()
  local p = concurrent.server { cast = function(_, r) send(me, r) end }
  for i = 1, 5 do cast(p, i) end
  assert(server.stop(p))
  for i = 1, 5 do assert(receive(0) == i) end
end)
row('stop: of one that has ended', function()
  local p = concurrent.server {}
  assert(server.stop(p))
  local ok, why, reason = server.stop(p)
  assert(ok == nil and reason == 'noproc')
end)
row('terminate may wait when the server stops', function()
  local p = concurrent.server { call = function() return 'other' end }
  local q = concurrent.server(teller { terminate = function() send(me, call(p, 1)) end })
  assert(server.stop(q))
  assert(receive() == 'other')
  assert(server.stop(p))
end)
row('terminate after an exit', function()
  local p = concurrent.server(teller { cast = function() concurrent.exit 'gone' end })
  cast(p, 1)
  assert(receive().terminate == 'gone')
end)
row('a kill runs no terminate', function()
  local p = concurrent.server(teller {})
  concurrent.kill(p)
  assert(receive(0) == nil)
end)

-- Code change.

row('change: new code, and the state as it makes it', function()
  local p = concurrent.server { version = 1, state = 10, call = function(s) return s end }
  assert(call(p, 1) == 10)
  local second = { version = 2, call = function(s) return s.n end, change = function(s, from, extra) return { n = s + from + extra } end }
  assert(server.change(p, second, 100) == true)
  assert(call(p, 1) == 111)
  -- A definition without `change` keeps the state.
  assert(server.change(p, { call = function(s) return 'third ' .. s.n end }))
  assert(call(p, 1) == 'third 111')
  assert(server.stop(p))
end)
row('change: one that fails changes nothing', function()
  local p = concurrent.server { state = 1, call = function(s) return s end }
  local ok, why = server.change(p, { change = function() error('no way', 0) end })
  assert(ok == nil and why:find 'keeps its definition: no way')
  assert(call(p, 1) == 1)
  assert(server.stop(p))
end)
row('change: between two requests', function()
  local p = concurrent.server { state = 0, call = function(s) return 'old', { state = s + 1 } end }
  for i = 1, 20 do concurrent.spawn(function() send(me, { call(p, 1) }) end) end
  assert(server.change(p, { call = function(s) return 'new', { state = s + 1 } end }))
  for _ = 1, 20 do assert(receive()[1]) end
  assert(server.state(p) == 20 and call(p, 1) == 'new')
  assert(server.stop(p))
end)
row('state: a copy', function()
  local p = concurrent.server { state = { a = 1 } }
  local s = server.state(p)
  s.a = 2
  assert(server.state(p).a == 1)
  assert(server.stop(p))
end)

-- Wrong use.

row('a malformed definition is an error', function()
  fails("bad argument #1 to 'server' (definition of a server (a table) expected, got number 5)", function() concurrent.server(5) end)
  fails("bad argument #1 to 'server' (a definition of a server has no field 'inti')", function() concurrent.server { inti = print } end)
  fails("field 'init' of a server's definition: function expected, got number 1", function() concurrent.server { init = 1 } end)
  fails("field 'call' of a server's definition: function or table expected, got string 'get'", function() server.start { call = 'get' } end)
  fails("bad argument #1 to 'startlink' (a definition", function() server.startlink { x = 1 } end)
  local ok, e = pcall(function() concurrent.server {} .x = 1 end)
  assert(not ok)
  for _, pid in ipairs(concurrent.processes()) do if pid ~= me then server.stop(pid) end end
end)
row('what a handler wants is checked', function()
  for text, action in pairs { ["a handler cannot want 'tiemout'"] = { tiemout = 1 }, ['the timeout that a handler wants is number -1'] = { timeout = -1 },
    ['not number 5'] = 5, ["wants to continue, but the definition has no 'continue'"] = { continue = 1 } } do
    local p = concurrent.server { cast = function() return action end }
    concurrent.monitor(p)
    cast(p, 1)
    local reason = receive().reason
    assert(reason:find(text, 1, true), reason)
  end
end)
