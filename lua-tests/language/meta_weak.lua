-- Weak tables: values, keys, both; ephemerons; what is never removed.

local function count(t) local n = 0; for _ in pairs(t) do n = n + 1 end return n end

-- weak values
local wv = setmetatable({}, { __mode = 'v' })
local strong = {}
local function fill()
  wv[1] = {}; wv[2] = strong; wv.x = {}; wv.n = 5; wv.s = 'str'; wv.b = true
end
fill()
collectgarbage()
assert(wv[1] == nil and wv[2] == strong and wv.x == nil)
assert(wv.n == 5 and wv.s == 'str' and wv.b == true and count(wv) == 4)

-- weak keys
local wk = setmetatable({}, { __mode = 'k' })
local function fillk() wk[{}] = 1; wk[strong] = 2; wk.str = {}; wk[3] = {} end
fillk()
collectgarbage()
assert(count(wk) == 3 and wk[strong] == 2 and wk.str and wk[3])

-- both
local wkv = setmetatable({}, { __mode = 'kv' })
local function fillkv() wkv[strong] = {}; wkv[{}] = strong; wkv[1] = strong; wkv[2] = {} end
fillkv()
collectgarbage()
assert(count(wkv) == 1 and wkv[1] == strong)

-- ephemerons: a value that refers to its key does not keep it
local eph = setmetatable({}, { __mode = 'k' })
local function fille()
  local k = {}
  eph[k] = { key = k }
  local a, b = {}, {}
  eph[a] = b; eph[b] = a                  -- a cycle through two entries
end
fille()
collectgarbage()
assert(count(eph) == 0)

-- but a chain from a live key is kept whole
local first
local function chain()
  first = {}
  local k = first
  for _ = 1, 10 do local nx = {}; eph[k] = nx; k = nx end
end
chain()
collectgarbage()
assert(count(eph) == 10)
local at, n = first, 0
while eph[at] do at = eph[at]; n = n + 1 end
assert(n == 10)
first, at = nil, nil
collectgarbage()
assert(count(eph) == 0)

-- a cache of functions
local cache = setmetatable({}, { __mode = 'v' })
local function get(k) local v = cache[k]; if not v then v = { k }; cache[k] = v end return v end
local held = get 'held'
assert(get 'held' == held)
local function use() get 'loose' end
use()
collectgarbage()
assert(cache.held == held and cache.loose == nil)

-- finalized objects: gone from weak values before, from weak keys after the finalizer
local wvals, wkeys = setmetatable({}, { __mode = 'v' }), setmetatable({}, { __mode = 'k' })
local sawv, sawk
local function fin()
  local o = setmetatable({}, { __gc = function(x) sawv = wvals[1]; sawk = wkeys[x] end })
  wvals[1] = o; wkeys[o] = 'info'
end
fin()
collectgarbage()
assert(sawv == nil and sawk == 'info')
collectgarbage()
assert(count(wkeys) == 0)

-- the mode may change later; without a mode all is strong
local st = { {}, {} }
collectgarbage()
assert(count(st) == 2)
setmetatable(st, { __mode = 'v' })
collectgarbage()
assert(count(st) == 0)
