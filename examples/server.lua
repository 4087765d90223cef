-- A server of the library: the counter of counter.lua, with its loop, its messages and its errors seen to.
-- Run it with: rlua-actor run examples/server.lua

local concurrent = require 'concurrent'
local server = require 'concurrent.server'

local counter = {
  init = function(value) return { value = value } end,
  call = {
    get = function(state) return state.value end,
    take = function(state, request)
      if request[2] > state.value then return nil end
      state.value = state.value - request[2]
      return request[2]
    end,
  },
  cast = {
    add = function(state, request) state.value = state.value + request[2] end,
  },
  terminate = function(state, reason) print('ends at ' .. state.value .. ': ' .. reason) end,
}

local pid = concurrent.server(counter, 100)
print('start', concurrent.call(pid, 'get'))
for i = 1, 10 do concurrent.cast(pid, { 'add', i }) end
print('after ten additions', concurrent.call(pid, 'get'))
print('take 150, take 50', concurrent.call(pid, { 'take', 150 }), concurrent.call(pid, { 'take', 50 }))

-- New code for a running server: its state stays, as `change` makes it.
local doubled = { call = counter.call, change = function(state) return { value = 2 * state.value } end, terminate = counter.terminate }
server.change(pid, doubled)
print('after the change', concurrent.call(pid, 'get'))

server.stop(pid, 'enough')
local value, why = concurrent.call(pid, 'get')
print(value, (why:gsub('<.->', '<pid>')))
