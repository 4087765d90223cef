-- test: processes
-- The chat of examples/http: two browsers hear what a third says.
local c = require 'concurrent'
local http = require 'concurrent.http'

c.spawn(function()
  arg, print = { '0' }, function() end
  dofile '../examples/http/chat.lua'
end)
while not c.whereis 'chat' do c.step() end
local url = 'http://127.0.0.1:' .. http.info('chat').port
assert(http.get(url).body:find '^<!doctype html>')
assert(http.get(url .. '/nowhere').status == 404)
local me = c.self()
for i = 1, 2 do
  c.spawn(function()
    local r = assert(http.get(url .. '/events', { stream = true }))
    assert(r.headers['content-type'] == 'text/event-stream')
    c.send(me, 'connected')
    for piece in r:chunks() do c.send(me, piece) end
  end)
end
assert(c.receive() == 'connected' and c.receive() == 'connected')
local r = http.get(url .. '/status')
assert(r.headers['content-type'] == 'application/json' and r.body:find '^{"members":2,"time":%d+}\n$', r.body)
assert(http.post(url .. '/say', 'hello\nyou').status == 204)
assert(c.receive() == 'data: hello you\n\n' and c.receive() == 'data: hello you\n\n')
assert(http.post(url .. '/say', ('x'):rep(2001)).status == 413)
-- Streams are told of a stop, and end.
assert(http.stop 'chat')
