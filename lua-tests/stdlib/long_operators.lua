-- Operators on strings of some hundred thousand bytes, which are compared and joined piece by piece.
local n = 100000
local function fresh(tail) return ('a'):rep(n) .. (tail or '') end
local a, b, c = fresh(), fresh(), fresh 'b'
assert(a == b and not (a ~= b) and a ~= c and c ~= a)
assert(a <= b and b <= a and not (a < b) and not (b < a) and a >= b and not (a > b))
assert(a < c and a <= c and not (c < a) and not (c <= a) and c > a)
assert(fresh 'x' < fresh 'y' and fresh 'y' > fresh 'x' and not (fresh 'y' <= fresh 'x'))
assert(fresh '\xff' > fresh 'a' and fresh '\0' > a)
assert(rawequal(a, b) and not rawequal(a, c) and rawequal(fresh 'x', fresh 'x') and not rawequal(fresh 'x', fresh 'y'))
-- one difference, early and late
local early, late = 'b' .. a:sub(2), a:sub(1, -2) .. 'b'
assert(early ~= a and late ~= a and a < early and a < late and late < early)
-- in loops, conditions and with constants
local turns = 0
while a == b and turns < 3 do turns = turns + 1 end
assert(turns == 3 and (a == b and 'same' or 'other') == 'same')
local ok = load('local s = ... if s == "' .. a .. '" then return true end return false')
assert(ok(b) and not ok(c))

-- keys
local t = { [a] = 1, [c] = 2 }
assert(t[b] == 1 and t[fresh 'b'] == 2 and t[fresh 'c'] == nil)
t[fresh 'b'] = nil
assert(next(t) == a and next(t, a) == nil)

-- concatenation of strings and numbers, with metamethods among them
local joined = a .. 1 .. c .. 2.5 .. 'end'
assert(#joined == n + 1 + n + 1 + 3 + 3 and joined:sub(-7) == 'b2.5end' and joined:sub(n + 1, n + 1) == '1')
local log = {}
local object = setmetatable({}, { __concat = function(x, y)
  log[#log + 1] = type(x) .. ',' .. type(y)
  return (type(x) == 'table' and '<o>' or x) .. (type(y) == 'table' and '<o>' or y)
end })
joined = a .. b .. object .. c .. a
assert(#joined == 4 * n + 1 + 3 and joined:sub(2 * n + 1, 2 * n + 3) == '<o>')
assert(log[1] == 'table,string' and #log == 1)
local parts = {}
for i = 1, 30 do parts[i] = 'a' end
local many = assert(load('local a = ... return ' .. table.concat(parts, ' .. ')))(a)
assert(#many == 30 * n and many == a:rep(30))
local raised, message = pcall(function() local x return a .. b .. x end)
assert(not raised and message:find("attempt to concatenate a nil value (local 'x')", 1, true), message)

-- numerals of any length
local zeros = ('0'):rep(n)
assert((zeros .. '7') + 0 == 7 and ('0x' .. zeros .. 'ff') + 0 == 255 and (zeros .. '.5') + 0 == 0.5)
assert(((' '):rep(n) .. '3' .. (' '):rep(n)) + 1 == 4 and -(zeros .. '2') == -2)
assert(('1' .. zeros) + 0 == math.huge and tonumber('1' .. zeros .. 'e-100000') == 1)
assert(tonumber(a) == nil and tonumber((' '):rep(n)) == nil and tonumber('1' .. (' '):rep(n) .. '1') == nil)
raised, message = pcall(function() return c + 1 end)
assert(not raised and message:find("attempt to add a 'string' with a 'number'", 1, true), message)
local sum = 0
for i = zeros .. '1', zeros .. '3' do sum = sum + i end
assert(sum == 6)
assert(math.max(table.unpack({ 1, 2, 3 })) == 3 and ('x'):rep(zeros .. '3') == 'xxx')

-- sorted by long keys that differ at their ends
local list = {}
for i = 1, 20 do list[i] = fresh(('%02d'):format(i * 7 % 20)) end
table.sort(list)
for i = 1, 20 do assert(list[i]:sub(-2) == ('%02d'):format(i - 1)) end
assert(math.max(1, 2) == 2)

-- a hook hears nothing of it
local events = 0
debug.sethook(function() events = events + 1 end, 'cr')
local same = a == b and a <= b
local both = a .. b
debug.sethook()
assert(same and #both == 2 * n and events <= 3, events)
