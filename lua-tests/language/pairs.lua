-- Pairs of instructions that are one handler: with numbers of both kinds, strings, metamethods, errors in either of the two,
-- and under a hook, which sees both.
local function print(...)
  local all = table.pack(...)
  for i = 1, all.n do
    -- Without the place of an error.
    if type(all[i]) == "string" then all[i] = all[i]:gsub("^[^ ]*:%d+: ", "") end
  end
  _G.print(table.unpack(all, 1, all.n))
end
local n, f, s = 3, 0.5, "4"
local mt = {}
for _, name in ipairs({ "add", "sub", "mul" }) do
  mt["__" .. name] = function(a, b) return name end
end
local o = setmetatable({}, mt)
local function both(x, y, z)
  return x * y + z, z + x * y, x * y - z, z - x * y, x * y * z, x + y + z, x - y + z
end
local function try(...)
  local ok, a, b, c, d, e, g, h = pcall(both, ...)
  return ok, ok and table.concat({ tostring(a), tostring(b), tostring(c), tostring(d), tostring(e), tostring(g), tostring(h) }, " ") or a
end
print(try(n, n, n))
print(try(f, f, f))
print(try(n, f, n))
print(try(f, n, s))
print(try(s, n, f))
print(try(n, s, n))
print(try(math.maxinteger, 2, 1))
print(pcall(function(x, y, z) return x * y + z end, 1, 2, nil))
print(pcall(function(x, y, z) return x * y + z end, nil, 2, 3))
print(pcall(function(x, y, z) return x * y * z end, 1, 2, {}))
print((pcall(both, o, 1, 1)), select("#", pcall(function(a) return a * 1 end, o)))

-- An operation on its own result.
local function own(x, y)
  local a = x * y
  a = a + a
  local b = x * y
  b = b * b
  return a, b, x * y + x * y
end
print(own(3, 4)) print(own(0.5, 3.0)) print(own(2, 0.25))

-- Elements of lists, of holes, and of what is no list.
local t = { 1, 2.5, "3", 4, nil, 6 }
local function elements(i, x) return x + t[i], x - t[i], x * t[i] end
for i = 1, 6 do print(i, pcall(elements, i, 2)) end
print(pcall(elements, 2, 1.5))
print(pcall(elements, 7, 1))
local index = setmetatable({}, { __index = function(_, i) return i * 10 end })
local function at(list, i, x) return x + list[i], list[i] * x end
print(at(index, 3, 1)) print(at(index, 2.5, 1))
print(pcall(at, nil, 1, 1))
local sum = 0
for i = 1, 10 do sum = sum + i end
local list = {}
for i = 1, 5 do list[i] = i * i end
for i = 1, 3 do list[i] = true end
print(sum, table.concat({ tostring(list[1]), tostring(list[4]), tostring(#list) }, ","))
local guarded = setmetatable({}, { __newindex = function(g, i, v) rawset(g, i, v + 1) end })
for i = 1, 3 do guarded[i] = i end
print(guarded[1], guarded[3])

-- Fields of fields, and of nothing.
local a = { b = { c = { 7 } }, f = function() return "called" end }
print(a.b.c[1], a.f(), pcall(function() return a.x.y end))
print(pcall(function() return nowhere.at end))
local i = 0
while true do
  if i > 4 then break end
  i = i + 1
end
print(i)
local function yes() return true end
print(yes())

-- A hook of each instruction counts those of pairs, too: each line here has as many as it has in the reference.
local count = 0
local function work(p, q, r)
  local u, v = p, q
  local w = u * v + r
  for k = 1, 3 do w = w + k end
  return w
end
debug.sethook(function() count = count + 1 end, "", 1)
local w = work(2, 3, 4)
debug.sethook()
print(w, count)
