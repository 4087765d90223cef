-- A server that keeps a number, and functions that hide its messages: call waits for an answer, cast does not.
-- Run it with: rlua-actor run examples/counter.lua

local concurrent = require 'concurrent'

local function counter(value)
  while true do
    local request = concurrent.receive()
    if request.op == 'add' then
      value = value + request.amount
    elseif request.op == 'get' then
      concurrent.send(request.from, { reply = request.op, value = value })
    elseif request.op == 'stop' then
      return
    end
  end
end

local function cast(server, request) concurrent.send(server, request) end

local function call(server, request)
  request.from = concurrent.self()
  concurrent.send(server, request)
  -- selective receive: other messages stay in the mailbox
  return concurrent.receive(nil, { reply = request.op }).value
end

local server = concurrent.spawn(counter, 100)

print('start', call(server, { op = 'get' }))
for i = 1, 10 do cast(server, { op = 'add', amount = i }) end
print('after ten additions', call(server, { op = 'get' }))

cast(server, { op = 'stop' })
concurrent.loop()
print('server alive', concurrent.isprocessalive(server))
