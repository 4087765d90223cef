-- Yield inside metamethods and iterators.

local Y = coroutine.yield
local mt = {
  __index = function(_, k) return Y('index ' .. tostring(k)) end,
  __newindex = function(_, k, v) Y('newindex ' .. k .. '=' .. tostring(v)) end,
  __call = function(_, a) return Y('call ' .. tostring(a)) end,
  __add = function() return Y 'add' end, __sub = function() return Y 'sub' end, __mul = function() return Y 'mul' end,
  __div = function() return Y 'div' end, __mod = function() return Y 'mod' end, __pow = function() return Y 'pow' end,
  __idiv = function() return Y 'idiv' end, __unm = function() return Y 'unm' end,
  __band = function() return Y 'band' end, __shl = function() return Y 'shl' end, __bnot = function() return Y 'bnot' end,
  __concat = function() return Y 'concat' end, __len = function() return Y 'len' end,
  __eq = function() return Y 'eq' end, __lt = function() return Y 'lt' end, __le = function() return Y 'le' end,
}
local o, o2 = setmetatable({}, mt), setmetatable({}, mt)

-- runs f, answering every yield with the given value; returns the trace and the result
local function drive(f, answer)
  local co = coroutine.create(f)
  local trace = {}
  local _, v = assert(coroutine.resume(co))
  while coroutine.status(co) ~= 'dead' do
    trace[#trace + 1] = v
    _, v = assert(coroutine.resume(co, answer))
  end
  return table.concat(trace, ','), v
end
local function check(want, answer, result, f)
  local t, v = drive(f, answer)
  assert(t == want and v == result, t .. ' ' .. tostring(v))
end

check('index x', 5, 5, function() return o.x end)
check('index 1,index 2', 1, 2, function() return o[1] + o[2] end)
check('newindex k=v', 0, 'after', function() o.k = 'v'; return 'after' end)
check('call a', 'r', 'r', function() return o 'a' end)
check('call a', 'r', 'rx', function() return o 'a' .. 'x' end)
check('add,sub,mul', 1, 3, function() return (o + 1) + (1 - o) + (o * o) end)
check('div,mod,pow,idiv', 2, 8, function() return o / 1 + o % 2 + o ^ 2 + o // 3 end)
check('unm,bnot,len', 1, 3, function() return -o + ~o + #o end)
check('band,shl', 6, 12, function() return (o & 1) + (o << 2) end)
check('concat', 'c', 'c', function() return 'a' .. o end)
check('concat,concat', o, o, function() return 'a' .. o .. 'b' end)
check('eq', true, 'T', function() if o == o2 then return 'T' else return 'F' end end)
check('eq', false, 'F', function() if o == o2 then return 'T' else return 'F' end end)
check('eq', nil, true, function() return o ~= o2 end)
check('lt', true, 'T', function() return o < o2 and 'T' or 'F' end)
check('lt', false, 'F', function() if o > o2 then return 'T' end return 'F' end)
check('le,lt', 1, true, function() local a, b = o <= o2, 5 < o; return a and b end)
check('lt', nil, true, function() return not (o < 3) end)
check('le', 7, 'in', function() while o >= 2 do return 'in' end end)

-- iterators
check('1,2,3', 0, 'end', function()
  for i in function(_, c) c = (c or 0) + 1; if c <= 3 then Y(c); return c end end do assert(i) end
  return 'end'
end)
local p = setmetatable({}, { __pairs = function(t) Y 'pairs'; return function(_, k) if not k then return Y 'next', 1 end end, t end })
check('pairs,next,body', 'key', 'ok', function() for k in pairs(p) do assert(k == 'key'); Y 'body' end return 'ok' end)

-- through pcall and nested calls in the middle of an expression
check('add,mul', 2, '2 2', function()
  local ok, v = pcall(function() return o + o end)
  return tostring(ok and v) .. ' ' .. tostring(o * 2)
end)

-- ipairs reads with __index from inside the library: no yield there
local ok, e = coroutine.resume(coroutine.create(function() for _ in ipairs(o) do end end))
assert(not ok and e == 'attempt to yield across a C-call boundary')
