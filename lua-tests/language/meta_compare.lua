-- __eq, __lt, __le.

local calls = {}
local mt = {
  __eq = function(a, b) calls[#calls + 1] = 'eq'; return a.v == b.v end,
  __lt = function(a, b)
    calls[#calls + 1] = 'lt'
    return (type(a) == 'table' and a.v or a) < (type(b) == 'table' and b.v or b)
  end,
  __le = function(a, b)
    calls[#calls + 1] = 'le'
    return (type(a) == 'table' and a.v or a) <= (type(b) == 'table' and b.v or b)
  end,
}
local function n(v) return setmetatable({ v = v }, mt) end
local function did(s) local c = table.concat(calls, ' '); calls = {}; assert(c == s, c) end

assert(n(1) == n(1) and n(1) ~= n(2)); did 'eq eq'
local a = n(5)
assert(a == a and not (a ~= a)); did ''            -- the same object: no call
assert(not rawequal(n(1), n(1))); did ''

assert(n(1) < n(2) and not (n(2) < n(1)) and n(2) > n(1)); did 'lt lt lt'
assert(n(1) <= n(1) and n(2) >= n(1) and not (n(2) <= n(1))); did 'le le le'

-- mixed with numbers, with constants on either side
assert(n(1) < 2 and 1 < n(2) and n(3) > 2 and 3 >= n(3) and n(3) <= 3.5 and 2.5 < n(3)); did 'lt lt lt le le lt'
assert(not (n(1) == 1)); did ''                     -- __eq needs two tables
calls = {}

-- results are converted to booleans
local truthy = setmetatable({}, { __eq = function() return 1 end, __lt = function() return 'x' end, __le = function() end })
local other = setmetatable({}, getmetatable(truthy))
assert((truthy == other) == true and (truthy < other) == true and (truthy <= other) == false)
assert((truthy ~= other) == false)

-- either operand's __eq is used
local left = setmetatable({}, { __eq = function() return true end })
assert(left == {} and {} == left)

-- different metatables with different functions: the first operand's
local p = setmetatable({}, { __lt = function() return true end })
local q = setmetatable({}, { __lt = function() return false end })
assert(p < q and not (q < p) and not (p > q))

-- neither: an error
local none = setmetatable({}, {})
local ok, e = pcall(function() return none < none end)
assert(not ok and e:find('attempt to compare two table values', 1, true))

-- in conditions and loops
local i, turns = n(0), 0
while i < 3 do i = n(i.v + 1); turns = turns + 1 end
assert(turns == 3)
if n(1) == n(2) then error 'equal' elseif n(1) > n(2) then error 'greater' end

-- in sort, and table lookup stays raw
local list = { n(3), n(1), n(2) }
table.sort(list)
assert(list[1].v == 1 and list[2].v == 2 and list[3].v == 3)
local t = { [n(1)] = 'x' }
assert(t[n(1)] == nil)

-- __eq never compares different types or functions
assert(left ~= 1 and left ~= 'x' and left ~= nil and left ~= print)
