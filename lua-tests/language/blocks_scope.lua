-- Blocks, scopes, shadowing, globals.

local x = 'outer'
do
  local x = 'inner'
  assert(x == 'inner')
  do local x = x .. '2'; assert(x == 'inner2') end
  assert(x == 'inner')
end
assert(x == 'outer')

if x then local x = 1; assert(x == 1) else local x = 2 end
assert(x == 'outer')

-- if / elseif / else
local function kind(n)
  if n < 0 then return 'neg'
  elseif n == 0 then return 'zero'
  elseif n < 10 then return 'small'
  else return 'big' end
end
assert(kind(-1) == 'neg' and kind(0) == 'zero' and kind(5) == 'small' and kind(50) == 'big')

-- empty statements and blocks
;;; do end ; do ; end
if true then end
for _ = 1, 3 do end
local function empty() end
assert(empty() == nil and select('#', empty()) == 0)

-- only nil and false are false
for _, v in ipairs { 0, '', {}, print, 0.0 } do
  local r
  if v then r = 'true' else r = 'false' end
  assert(r == 'true')
end

-- globals are fields of _ENV
gvar = 12
assert(_ENV.gvar == 12 and _G.gvar == 12 and _G == _ENV)
_G.other = 'o'
assert(other == 'o')
other = nil
assert(_G.other == nil and undefined_global == nil)

-- an own _ENV
do
  local print, assert = print, assert
  local _ENV = { y = 5 }
  assert(y == 5 and print ~= nil)
  z = 7
  assert(_ENV.z == 7)
end
assert(z == nil)

local function sandbox(_ENV) q = 1; return r end
local env = { r = 'R' }
assert(sandbox(env) == 'R' and env.q == 1 and q == nil)

do
  local _ENV <const> = setmetatable({}, { __index = _G })
  newvar = 3
  assert(_G.newvar == nil and newvar == 3)
end

-- _ENV as nil: any global access fails with its name
local ok, e = pcall(function() local _ENV = nil; return foo end)
assert(not ok and e:find("attempt to index a nil value (local '_ENV')", 1, true))

-- a local function sees later assignments to a shared local
local v = 1
local function readv() return v end
v = 2
assert(readv() == 2)
local v = 3
assert(readv() == 2 and v == 3)

-- many nested blocks
local depth = 0
do local a = 1 do local b = a + 1 do local c = b + 1 do local d = c + 1 do depth = d + 1 end end end end end
assert(depth == 5)
