-- Stack overflow in a coroutine: only this one dies; and an endless chain of coroutines.

local function deep(n) return 1 + deep(n + 1) end
local co = coroutine.create(function() return deep(1) end)
local ok, e = coroutine.resume(co)
assert(not ok and e:find('stack overflow', 1, true) and coroutine.status(co) == 'dead')

-- another one is not affected
assert(coroutine.wrap(function() return coroutine.yield(1) or 2 end)() == 1)

-- coroutines inside coroutines end in an error, too
local function nest(n) return coroutine.wrap(nest)(n + 1) end
ok, e = pcall(nest, 1)
assert(not ok and type(e) == 'string' and e:find('overflow', 1, true))
