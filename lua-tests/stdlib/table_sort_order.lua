-- table.sort: the order of comparisons and of accesses to tables with metamethods, whose states in between are seen; wrong
-- order functions; comparators that write to the table or change its metatable.

local pcall, print = pcall, print
-- Messages without their positions.
local function try(...)
  local ok, message = pcall(...)
  print(ok, message and (tostring(message):gsub('^.-%.lua:%d+: ', '')))
end
local function proxy(data, log)
  return setmetatable({}, { __len = function() return #data end,
    __index = function(_, k) log[#log + 1] = 'r' .. k return data[k] end,
    __newindex = function(_, k, v) log[#log + 1] = 'w' .. k .. '=' .. tostring(v) data[k] = v end })
end
local seed = 42
local function rnd(n) seed = (seed * 1103515245 + 12345) % 2147483648 return seed // 65536 % n end
for n = 0, 14 do
  for rep = 1, 2 do
    local data, log = {}, {}
    for i = 1, n do data[i] = rnd(rep == 1 and 3 or 100) end
    local copy = table.move(data, 1, n, 1, {})
    table.sort(proxy(data, log))
    print(n, table.concat(data, ','), #log, table.concat(log, ' '))
    log = {}
    table.sort(proxy(copy, log), function(a, b) log[#log + 1] = a .. '<' .. b return a > b end)
    print(n, table.concat(copy, ','), table.concat(log, ' '))
  end
end
for n = 0, 24, 3 do
  for rep = 1, 5 do
    local t, log = {}, {}
    for i = 1, n do t[i] = rep == 1 and rnd(2) or rep == 2 and rnd(1000) / 8 or rep == 3 and tostring(rnd(100)) or rnd(50) end
    local u = table.move(t, 1, n, 1, {})
    table.sort(t) print(table.concat(t, ','))
    table.sort(u, function(a, b) log[#log + 1] = a .. '<' .. b return a < b end) print(table.concat(u, ','), table.concat(log, ' '))
    -- invalid orders
    local v = table.move(t, 1, n, 1, {})
    try(table.sort, v, function(a, b) return true end) print(table.concat(v, ','))
    v = table.move(t, 1, n, 1, {})
    try(table.sort, v, function(a, b) return a <= b end) print(table.concat(v, ','))
    v = table.move(t, 1, n, 1, {})
    try(table.sort, v, function(a, b) return rnd(2) == 0 end) print(table.concat(v, ','))
    -- the comparator writes to the table
    v = table.move(t, 1, n, 1, {})
    local c = 0
    try(table.sort, v, function(a, b) c = c + 1 v[c % n + 1] = c return a < b end) print(table.concat(v, ','))
    -- and takes its metatable away or gives it one
    v = table.move(t, 1, n, 1, {})
    c = 0
    try(table.sort, v, function(a, b) c = c + 1 if c == 5 then setmetatable(v, {__index = function() return 7 end, __newindex = function() print 'newindex' end}) elseif c == 9 then setmetatable(v, nil) end return a < b end) print(table.concat(v, ','))
  end
end
try(table.sort, {3, 1, 'x'}) try(table.sort, {{}, {}}) try(table.sort, {1, nil, 3}) try(table.sort, {3, 2, 1}, function() error 'cmp' end) try(table.sort, proxy({3, 1, 'x'}, {}))
local log = {} local d = {5, 4, 3, 2, 1} try(table.sort, setmetatable({}, {__len = function() return 5 end, __index = d, __newindex = function(_, k, v) if k == 3 then error 'no 3' end d[k] = v end})) print(table.concat(d, ','))
local holder = setmetatable({}, {__index = d, __len = function() return 5 end}) table.sort(holder) print(table.concat(holder, ','), rawlen(holder), table.concat(d, ','))
for _, n in ipairs{99, 100, 101, 150} do local t = {} for i = 1, n do t[i] = rnd(n) end local c = 0 table.sort(t, function(a, b) c = c + 1 return a < b end) print(n, c, table.concat(t, ',')) end
try(table.sort, io.stdout) debug.setmetatable(1, {__len = function() return 3 end, __index = function(_, k) return 5 - k end, __newindex = function(_, k, v) print(k, v) end}) try(table.sort, 1) debug.setmetatable(1, nil)
