-- __concat and __len.

local mt = {
  __concat = function(a, b)
    local function s(v) return type(v) == 'table' and v.s or tostring(v) end
    return s(a) .. '|' .. s(b)
  end,
  __len = function(t) return t.s and #t.s or 42 end,
}
local function new(s) return setmetatable({ s = s }, mt) end
local o = new 'obj'
assert(o .. 'x' == 'obj|x' and 'x' .. o == 'x|obj' and o .. o == 'obj|obj' and 1 .. o == '1|obj')
assert(o .. nil == 'obj|nil' and true .. o == 'true|obj')
assert('a' .. 'b' .. o == 'ab|obj' or 'a' .. 'b' .. o == 'ab|obj')
assert('a' .. o .. 'b' == 'aobj|b' and o .. 'a' .. 'b' == 'obj|ab')

-- #
assert(#o == 3 and #new() == 42 and #new '' == 0)
assert(rawlen(o) == 0 and rawlen { 1, 2 } == 2 and rawlen 'abc' == 3)

-- __len may give anything
local any = setmetatable({}, { __len = function() return 'len' end })
assert(#any == 'len')
local multi = setmetatable({}, { __len = function() return 1, 2 end })
assert(select('#', #multi) == 1)
assert(#setmetatable({}, { __len = function() end }) == nil)

-- strings do not use __len
getmetatable('').__len = function() return -1 end
assert(#'abc' == 3)
getmetatable('').__len = nil

-- the operand is given twice to unary metamethods
local got
local u = setmetatable({}, { __len = function(...) got = select('#', ...); return 0 end })
assert(#u == 0 and got == 2)

-- library functions that respect __len
local seq = setmetatable({ n = 3 }, {
  __len = function(t) return t.n end,
  __index = function(_, i) return i * 10 end,
})
assert(table.concat(seq, ',') == '10,20,30' and select('#', table.unpack(seq)) == 3)
local bad = setmetatable({}, { __len = function() return 'x' end })
local ok, e = pcall(table.concat, bad)
assert(not ok and e:find('object length is not an integer', 1, true))
bad = setmetatable({ 1 }, { __len = function() return 1.0 end })
assert(table.concat(bad) == '1')

-- rope: concatenation that is not a string
local Rope = {}
Rope.__concat = function(a, b) return setmetatable({ a, b }, Rope) end
Rope.__tostring = function(r)
  local out = {}
  local function walk(v)
    if getmetatable(v) == Rope then walk(v[1]); if v[2] ~= nil then walk(v[2]) end else out[#out + 1] = tostring(v) end
  end
  walk(r)
  return table.concat(out)
end
local r = setmetatable({ 'start' }, Rope)
for i = 1, 5 do r = r .. i .. ',' end
assert(tostring(r) == 'start1,2,3,4,5,', tostring(r))

-- errors
ok, e = pcall(function() return {} .. 'x' end)
assert(not ok and e:find('attempt to concatenate a table value', 1, true))
