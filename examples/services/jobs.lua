-- A queue of jobs, and workers that survive kill -9: they write themselves down while they work, and go on from there.
--
--   cd examples/services
--   rlua-actor run --node q@localhost -e "require('jobs').serve('jobs.journal')"
--   rlua-actor run -e "require('jobs').work('w1@localhost', 'q@localhost', 'w1.checkpoint')"        kill -9 it
--   rlua-actor resume w1.checkpoint                                       it goes on in the middle of its job
--   rlua-actor run --node me@localhost -e "j = require 'jobs' j.connect('q@localhost') id = j.add(50000) print(j.result(id))"
--
-- A job is to count the primes below a number. The queue is a server under a supervisor, and keeps a journal: what it has said it
-- has, it has after an end of any kind. A job is leased to a worker by the worker's name. A result that comes twice counts once.
local concurrent = require 'concurrent'
local call = concurrent.call

local jobs = {}
-- Milliseconds after which a job of a worker that says nothing is given to another.
local LEASE = 20000

local function write(state, ...)
  local file = assert(io.open(state.path, 'a'))
  file:write(table.concat({ ... }, ' '), '\n')
  file:close()
end
local queue = {
  name = 'queue',
  init = function(path)
    local state = { path = path, jobs = {}, results = {}, leases = {} }
    -- A line that was cut off was never answered.
    for line in (io.open(path) and io.lines(path) or function() end) do
      local what, id, n = line:match '^(%a+) (%d+) (%d+)$'
      if what == 'add' then state.jobs[tonumber(id)] = tonumber(n) end
      if what == 'done' then state.results[tonumber(id)] = tonumber(n) end
    end
    return state
  end,
  call = {
    add = function(state, request)
      local id = #state.jobs + 1
      write(state, 'add', id, request[2])
      state.jobs[id] = request[2]
      return id
    end,
    -- A job for a worker: the one that it has, or the first that nobody has.
    take = function(state, request)
      local worker, now, free = request[2], concurrent.time(), nil
      for id, n in ipairs(state.jobs) do
        local lease = state.leases[id]
        if not state.results[id] then
          if lease and lease.worker == worker then free = id break end
          if not free and (not lease or lease.till < now) then free = id end
        end
      end
      if not free then return false end
      state.leases[free] = { worker = worker, till = now + LEASE }
      return { id = free, n = state.jobs[free] }
    end,
    done = function(state, request)
      local _, id, result = table.unpack(request)
      if not state.results[id] then
        write(state, 'done', id, result)
        state.results[id] = result
      end
      return true
    end,
    result = function(state, request) return { value = state.results[request[2]] } end,
  },
}

-- Runs the queue at this node.
function jobs.serve(path)
  assert(concurrent.supervisor { intensity = 100, period = 1000, children = { { id = 'queue', server = queue, arguments = { path } } } })
  concurrent.loop()
end

-- Asks the queue until it answers.
local at
local function ask(request)
  while true do
    local answer, _, reason = call({ 'queue', at }, request)
    if not reason then return answer end
    concurrent.sleep(20)
  end
end
function jobs.connect(node) at = node end
function jobs.add(n) return ask { 'add', n } end
-- The result of a job, when there is one.
function jobs.result(id)
  while true do
    local answer = ask { 'result', id }
    if answer.value then return answer.value end
    concurrent.sleep(20)
  end
end

local function become(name)
  repeat
    local ok = concurrent.init(name)
    -- The name of a program that was killed is free a moment later.
    if not ok then concurrent.sleep(20) end
  until ok
end
-- Works for the queue at a node, and writes itself down now and then.
function jobs.work(name, node, path)
  become(name)
  jobs.connect(node)
  while true do
    local job = ask { 'take', name }
    if not job then
      concurrent.sleep(20)
    else
      local primes, every = {}, math.max(job.n // 20, 1)
      for n = 2, job.n - 1 do
        local is_prime = true
        for _, p in ipairs(primes) do
          if p * p > n then break end
          if n % p == 0 then is_prime = false break end
        end
        if is_prime then primes[#primes + 1] = n end
        if n % every == 0 and concurrent.checkpoint(path) == 'resumed' then
          print('resumed at ' .. n .. ' of job ' .. job.id)
          become(name)
        end
      end
      ask { 'done', job.id, #primes }
    end
  end
end

return jobs
