-- Generic for: the fourth value is a to-be-closed variable.

local log = {}
local function closing(name)
  return setmetatable({}, { __close = function(_, e)
    log[#log + 1] = name .. (e and '!' .. tostring(e) or '')
  end })
end
local function upto(n, name)
  local function step(s, i) if i < s then return i + 1 end end
  return step, n, 0, closing(name)
end
local function expect(s)
  local got = table.concat(log, ' ')
  assert(got == s, got)
  log = {}
end

-- normal end
for i in upto(2, 'a') do log[#log + 1] = i end
expect '1 2 a'

-- break
for i in upto(5, 'b') do log[#log + 1] = i; if i == 2 then break end end
expect '1 2 b'

-- return
local function f() for i in upto(5, 'c') do if i == 3 then return i, 'r' end end end
local x, y = f()
assert(x == 3 and y == 'r')
expect 'c'

-- goto
for i in upto(5, 'd') do if i == 1 then goto out end end
::out::
expect 'd'

-- error
local ok, e = pcall(function() for i in upto(5, 'e') do error('E' .. i, 0) end end)
assert(not ok and e == 'E1')
expect 'e!E1'

-- nested loops close inside out
for i in upto(2, 'out') do
  for j in upto(1, 'in' .. i) do log[#log + 1] = i .. j end
end
expect '11 in1 21 in2 out'

-- continue keeps the loop open
for i in upto(3, 'g') do
  if i % 2 == 0 then goto continue end
  log[#log + 1] = i
  ::continue::
end
expect '1 3 g'

-- yield from the body, close by coroutine.close
local co = coroutine.create(function() for i in upto(3, 'h') do coroutine.yield(i) end end)
local _, v = coroutine.resume(co)
assert(v == 1)
expect ''
assert(coroutine.close(co))
expect 'h'

-- nil and false are allowed, other values are not
for _ in next, {}, nil, nil do end
for _ in next, {}, nil, false do end
ok, e = pcall(function() for _ in next, {}, nil, 7 do end end)
assert(not ok and e:find("variable '(for state)' got a non-closable value", 1, true))
