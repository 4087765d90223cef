-- coroutine.close: states, pending to-be-closed variables, errors.

local log = {}
local function res(n, fail) return setmetatable({}, { __close = function(_, e)
  log[#log + 1] = n .. ':' .. tostring(e)
  if fail then error(fail, 0) end
end }) end
local function flush() local s = table.concat(log, ' '); log = {}; return s end

-- not started, suspended, dead
local co = coroutine.create(print)
assert(coroutine.close(co) == true and coroutine.status(co) == 'dead')
assert(coroutine.close(co) == true)
local ok, e = coroutine.resume(co)
assert(not ok and e == 'cannot resume dead coroutine')

co = coroutine.create(function()
  local a <close> = res 'a'
  local b <close> = res 'b'
  coroutine.yield(1)
  log[#log + 1] = 'never'
end)
coroutine.resume(co)
assert(coroutine.close(co) == true and flush() == 'b:nil a:nil' and coroutine.status(co) == 'dead')

-- pending over several levels of calls
co = coroutine.wrap(function() end)
local function level(n)
  local x <close> = res(n)
  if n == 0 then coroutine.yield() else level(n - 1) end
  return n
end
co = coroutine.create(level)
coroutine.resume(co, 3)
coroutine.close(co)
assert(flush() == '0:nil 1:nil 2:nil 3:nil')

-- errors in closing methods
co = coroutine.create(function()
  local a <close> = res 'a'
  local b <close> = res('b', 'B failed')
  local c <close> = res 'c'
  coroutine.yield()
end)
coroutine.resume(co)
ok, e = coroutine.close(co)
assert(ok == false and e == 'B failed' and flush() == 'c:nil b:nil a:B failed')
assert(coroutine.status(co) == 'dead')

-- a coroutine that died of an error: close tells the error, once
co = coroutine.create(function() error({ code = 7 }) end)
coroutine.resume(co)
ok, e = coroutine.close(co)
assert(ok == false and e.code == 7)

-- running and normal ones cannot be closed
co = coroutine.create(function()
  local ok2, e2 = pcall(coroutine.close, coroutine.running())
  assert(not ok2 and e2 == 'cannot close a running coroutine')
  local outer = coroutine.running()
  coroutine.wrap(function()
    local ok3, e3 = pcall(coroutine.close, outer)
    assert(not ok3 and e3 == 'cannot close a normal coroutine')
  end)()
  return 'fine'
end)
assert(select(2, coroutine.resume(co)) == 'fine')
assert(not pcall(coroutine.close) and not pcall(coroutine.close, {}))

-- in the middle of pcall and of an iterator
co = coroutine.create(function()
  pcall(function()
    local p <close> = res 'in pcall'
    for _ in next, { 1 }, nil, res 'iter' do coroutine.yield() end
  end)
  log[#log + 1] = 'never'
end)
coroutine.resume(co)
assert(coroutine.close(co) and flush() == 'iter:nil in pcall:nil')

-- upvalues of a closed coroutine stay usable
local get
co = coroutine.create(function() local v = 5; get = function() v = v + 1; return v end; coroutine.yield() end)
coroutine.resume(co)
coroutine.close(co)
assert(get() == 6 and get() == 7)

-- a coroutine as a resource of another
co = coroutine.create(function()
  local sub = coroutine.create(function() local s <close> = res 'sub'; coroutine.yield() end)
  local guard <close> = setmetatable({}, { __close = function() assert(coroutine.close(sub)) end })
  coroutine.resume(sub)
  coroutine.yield()
end)
coroutine.resume(co)
coroutine.close(co)
assert(flush() == 'sub:nil')
