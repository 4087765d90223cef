-- __gc: finalizers run at a collection, in reverse order of marking, once.

local log = {}
local function obj(name) return setmetatable({ name = name }, { __gc = function(o) log[#log + 1] = o.name end }) end
local function flush() local s = table.concat(log, ' '); log = {}; return s end

local function garbage() obj 'a' end
garbage()
collectgarbage()
assert(flush() == 'a')
collectgarbage()
assert(flush() == '')

-- reachable objects stay
local keep = obj 'keep'
collectgarbage(); collectgarbage()
assert(flush() == '')

-- what a finalizer needs is still there
local function pair()
  local inner = { value = 42 }
  return setmetatable({}, { __gc = function() log[#log + 1] = inner.value end })
end
do local function f() pair() end f() end
collectgarbage()
assert(flush() == '42')

-- resurrection: the object is whole, and its finalizer does not run again
local saved
local function phoenix()
  setmetatable({ v = 'p' }, { __gc = function(o) saved = o; log[#log + 1] = 'up' end })
end
phoenix()
collectgarbage()
assert(flush() == 'up' and saved.v == 'p')
saved = nil
collectgarbage(); collectgarbage()
assert(flush() == '')

-- unless it is marked again
local again = 0
local function twice()
  local mt = {}
  mt.__gc = function(o) again = again + 1; if again < 3 then setmetatable(o, mt) end end
  setmetatable({}, mt)
end
twice()
for _ = 1, 5 do collectgarbage() end
assert(again == 3)

-- a __gc added after setmetatable does not count
local mt = {}
local function late() setmetatable({}, mt) end
late()
mt.__gc = function() log[#log + 1] = 'late' end
collectgarbage()
assert(flush() == '')
-- but any value as __gc marks it; the function is looked up at the end
local mt2 = { __gc = true }
local x = setmetatable({}, mt2)
mt2.__gc = function() log[#log + 1] = 'looked up' end
x = nil
collectgarbage()
assert(flush() == 'looked up')
-- a __gc that is no function is ignored
local function notfn() setmetatable({}, { __gc = 'str' }) end
notfn()
collectgarbage()

-- the table given to a finalizer keeps its metatable
local seen
local function check() setmetatable({}, { __gc = function(o) seen = getmetatable(o).__gc ~= nil end }) end
check()
collectgarbage()
assert(seen == true)

-- finalizers may allocate and collect
local function alloc() setmetatable({}, { __gc = function() local t = {}; for i = 1, 20 do t[i] = { i } end log[#log + 1] = #t end }) end
alloc()
collectgarbage()
assert(flush() == '20')

keep = nil
collectgarbage()
assert(flush() == 'keep')
