-- test: processes
-- The snapshot keeps identities, metatables, cycles and shared upvalues.
local concurrent = require 'concurrent'
local root = concurrent.self()

local Point = {}
Point.__index = Point
Point.__eq = function(a, b) return a.x == b.x end
function Point.new(x) return setmetatable({ x = x }, Point) end
function Point:double() return self.x * 2 end

local p = Point.new(21)
local cyclic = { name = 'c' }
cyclic.self = cyclic
cyclic.point = p

local value = 0
local function set(v) value = v end
local function get() return value end

concurrent.spawn(function(arg, argmeta)
  local out = {}
  out.method = p:double()
  out.meta = getmetatable(p) == Point and argmeta == Point and getmetatable(arg) == Point
  out.same = rawequal(arg, p) and rawequal(cyclic.point, p)
  out.cycle = cyclic.self.self == cyclic
  out.eq = Point.new(21) == p
  set(7)                                    -- two closures over one variable still share it
  out.shared = get() == 7 and value == 7
  out.lib = string.format('%d', 5) == '5' and ('x'):rep(2) == 'xx'
  out.package = package.loaded.concurrent == concurrent and package.loaded.string == string
  out.env = _ENV == _G and _G._G == _G
  out.weak = getmetatable(setmetatable({}, { __mode = 'k' })).__mode == 'k'
  concurrent.send(root, out)
end, p, Point)

concurrent.loop()
local out = concurrent.receive(0)
for _, k in ipairs { 'meta', 'same', 'cycle', 'eq', 'shared', 'lib', 'package', 'env', 'weak' } do
  assert(out[k] == true, k)
end
assert(out.method == 42 and value == 0)

-- a coroutine cannot travel: spawn succeeds, its first use in the child fails with a message
local co = coroutine.create(function() coroutine.yield(1) end)
assert(coroutine.resume(co))
concurrent.spawn(function()
  local ok, e = pcall(function() return coroutine.resume(co) end)
  concurrent.send(root, { ok = ok, isstring = type(e) == 'string' })
end)
concurrent.loop()
local m = concurrent.receive(0)
assert(m and m.ok == false and m.isstring)
assert(coroutine.resume(co) and coroutine.status(co) == 'dead')  -- the original is untouched

-- a child can make its own coroutines
concurrent.spawn(function()
  local w = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
  concurrent.send(root, { sum = w() + w() + w() })
end)
concurrent.loop()
assert(concurrent.receive(0).sum == 6)
