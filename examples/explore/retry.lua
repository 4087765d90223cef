-- A race that needs a cluster and what breaks in one: who has no answer asks again, and what was done already is done twice.
--
--   rlua-actor explore --nodes 3 --faults examples/explore/retry.lua            finds a run in which it happens
--   rlua-actor explore --nodes 3 --faults examples/explore/retry.lua mended     finds none: a request is known by its name
local concurrent = require 'concurrent'
local is_mended = ... == 'mended'
local DEPOSITS = 3

local node = concurrent.node() or error 'to be run by explore --nodes 3'

if node == 'n1@sim' then
  -- The bank. It is at the node that is never ended, so that it can say what is right.
  concurrent.register 'bank'
  local balance, seen, ready = 0, {}, {}
  while not (ready['n2@sim'] and ready['n3@sim']) do
    local request = concurrent.receive()
    if request.deposit and not (is_mended and seen[request.id]) then
      seen[request.id] = true
      balance = balance + request.deposit
    end
    if request.ready then ready[request.ready] = true end
    concurrent.send(request.from, { done = request.id })
  end
  assert(balance == 2 * DEPOSITS, 'the balance is ' .. balance)
else
  local function ask(request)
    request.id = node .. ' ' .. request.id
    request.from = concurrent.self()
    repeat
      concurrent.send({ 'bank', 'n1@sim' }, request)
    until concurrent.receive(500, { done = request.id })
  end
  for i = 1, DEPOSITS do ask { id = i, deposit = 1 } end
  ask { id = 'ready', ready = node }
end
