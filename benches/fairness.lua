-- Who starves whom: library functions and operators over 10 MB or a million elements, one at a time in a loop, beside a
-- process that wants to run every millisecond. Prints the worst that this one was late by, and how long the loop lived
-- after its kill. What takes too long is tried up to twice more, and is over its time if it always does: others on the machine only
-- add to it. Give it one worker, and no other load:
--   rlua-actor run --workers 1 benches/fairness.lua [milliseconds of each] [megabytes] [pattern of names]
-- With 0 milliseconds it prints what one turn of each is charged instead, in reductions, and fails if that is too little.
--
-- A case: its name; what it needs; what is done in the loop; `copies`, the megabytes of the largest allocations and copies
-- in one go, at which nobody else runs (a millisecond each is let pass); `small`, that it is little work whatever the size,
-- or done beside the worker.
-- Of these, each has what it mentions:
local makers = {
  S = "('x'):rep(N * 10)",                               -- 10 MB of one letter
  W = "('the quick brown fox jumps\\n'):rep(N * 10 // 26)", -- 10 MB of words and lines
  D = "('7'):rep(N * 10)",                               -- 10 MB of digits
  U = "('\\u{20ac}'):rep(N * 10 // 3)",                  -- 10 MB of characters of three bytes
  B = "('\\1'):rep(N * 10)",
  L = 'list(N, function(i) return i end)',               -- a million integers
  R = 'list(N, function(i) return i * 7919 % N end)',    -- in no order
  T = "list(N // 10, function(i) return 'item ' .. i end)", -- strings
  H = "(function() local t = {} for i = 1, N do t['k' .. i] = i end return t end)()",
  E = "(function() local t = {} for i = 1, N do t['k' .. i] = i end for i = 1, N do t['k' .. i] = nil end return t end)()",
  P = 'setmetatable({}, { __index = function(_, i) return i end, __newindex = function() end, __len = function() return N end })',
  F = "(function() local h = io.open(FILES[1], 'w') h:write(W) h:close() return FILES[1] end)()",
  C = "'return {' .. ('1,'):rep(N * 2) .. '}'",          -- source text
  K = "string.dump(load('local t = {}\\n' .. ('t.x = t.y + 1 t.f = function() return t end\\n'):rep(N // 50)))",
  A = 'table.unpack(list(200000, function(i) return i end))',
}
local cases = {
  -- operators
  { 'concat ..', 'S', 'local s = S .. W', copies = 40 },
  { 'concat of many', 'S', 'local s = S .. 1 .. S .. 2 .. S', copies = 60 },
  { '==', 'S', "local a, b = S .. 'a', S .. 'b' for i = 1, 20 do local _ = a == b end" },
  { '<', 'S', "local a, b = S .. 'a', S .. 'b' for i = 1, 20 do local _ = a < b end" },
  { 'string arithmetic', 'D', "local n = D + 1" },
  { 'string to number', 'D', "local n = D | 1", fails = true },
  { 'hash of a string', 'S', "local t = {} t[S .. 'k'] = 1" },
  { '# of a list', 'L', 'for i = 1, 1000 do local n = #L end' },
  { 'table constructor', '', 'local t = {table.unpack(PIECE)} t = nil' },
  { 'a table that grows', '', 'local t = {} for i = 1, N do t[i] = i end', copies = 40 },
  { 'a hash that grows', '', 'local t = {} for i = 1, N do t[-i] = i end', copies = 60 },
  { 'for in pairs', 'H', 'for k in pairs(H) do end' },
  { 'pairs of emptied', 'E', 'for i = 1, 10 do for k in pairs(E) do end end' },
  { 'next of emptied', 'E', 'for i = 1, 10 do next(E) end' },
  { 'closures', '', 'local f for i = 1, 1000 do f = function() return f end end' },
  { 'garbage', 'L', 'local t = {} for i = 1, 100000 do t = { t } end' },
  { 'live objects', '', 'KEEP = KEEP or list(N, function(i) return { i } end) for i = 1, 1000 do local t = { i } end' },
  -- string
  { 'byte', 'S', 'string.byte(S, 1, 200000)' },
  { 'char', '', 'string.char(table.unpack(BYTES))' },
  { 'dump', 'K', 'string.dump(load(K))' },
  { 'find plain', 'S', "S:find('xxxxxxxxxxy', 1, true)" },
  { 'find pattern', 'S', "S:find('x-y')", },
  { 'find no match', 'W', "W:find('zz')" },
  { 'find backtracking', 'S', "S:find('x*x*x*y')" },
  { 'find balanced', 'S', "('('):rep(N * 10):find('%b()')" },
  { 'find frontier', 'S', "S:find('%f[y]')" },
  { 'format %s', 'S', "('%s %s'):format(S, S)", copies = 60 },
  { 'format %q', 'W', "('%q'):format(W)" },
  { 'format %10s', 'S', "('%.5s|%-99s'):format(S, S)" },
  { 'format, long', 'W', "('%%'):rep(N * 5):format()" },
  { 'gmatch', 'W', "for w in W:gmatch('%a+') do end" },
  { 'gmatch, one', 'S', "for w in S:gmatch('.*y') do end" },
  { 'gsub string', 'W', "W:gsub('o', '0')", copies = 30 },
  { 'gsub function', 'W', "W:gsub('%a+', function(w) return w end)" },
  { 'gsub table', 'W', "W:gsub('%a+', { fox = 'dog' })" },
  { 'gsub anchored', 'S', "S:gsub('^x*', '')" },
  { 'len', 'S', 'for i = 1, 1000 do local _ = #S end' },
  { 'lower', 'W', 'W:lower()' },
  { 'match', 'W', "W:match('(.-)cat')" },
  { 'match captures', 'S', "S:match('^(x*)(x*)$')", copies = 20 },
  { 'pack', 'S', "string.pack('s4', S)", copies = 30 },
  { 'pack, long format', '', "string.pack(('x'):rep(N * 5))" },
  { 'packsize', '', "string.packsize(('b'):rep(N * 5))" },
  { 'unpack', 'S', "string.unpack('z', S .. '\\0')", copies = 30 },
  { 'rep', '', "('xy'):rep(N * 5)" },
  { 'rep with separator', '', "('x'):rep(N * 5, ',')" },
  { 'reverse', 'W', 'W:reverse()' },
  { 'sub', 'S', 'S:sub(2)', copies = 20 },
  { 'upper', 'W', 'W:upper()' },
  -- table
  { 'table.concat', 'T', "table.concat(T, ', ')" },
  { 'table.concat of one long', 'S', "table.concat({ S, S }, S)", copies = 60 },
  { 'table.insert at 1', 'L', 'table.insert(L, 1, 0) table.remove(L)' },
  { 'table.remove at 1', 'L', 'table.remove(L, 1) L[#L + 1] = 1' },
  { 'table.move', 'L', 'table.move(L, 1, #L, 2, {})', copies = 40 },
  { 'table.move over', 'L', 'table.move(L, 1, #L - 1, 2)' },
  { 'table.pack', '', 'table.pack(table.unpack(PIECE))' },
  { 'table.unpack', 'L', 'select("#", table.unpack(L, 1, 200000))' },
  { 'table.sort', 'R', 'table.sort(table.move(R, 1, #R, 1, {}))' },
  { 'table.sort function', 'R', 'table.sort(table.move(R, 1, #R // 10, 1, {}), function(a, b) return a > b end)' },
  { 'table.sort strings', 'T', 'table.sort(table.move(T, 1, #T, 1, {}))' },
  { 'table.sort proxy', 'P', 'table.sort(P)' },
  { 'table.insert proxy', 'P', 'table.insert(P, 1, 0)' },
  { 'table.concat proxy', 'P', 'table.concat(P)' },
  { 'table.move proxy', 'P', 'table.move(P, 1, N, 2)' },
  { 'table.unpack proxy', 'P', 'select("#", table.unpack(P, 1, 200000))' },
  -- base
  { 'collectgarbage', 'H', 'collectgarbage()' },
  { 'collectgarbage step', 'H', 'collectgarbage("step")', small = true },
  { 'ipairs', 'L', 'for i, v in ipairs(L) do end' },
  { 'load', 'C', 'load(C)' },
  { 'load pieces', 'C', 'local n = 0 load(function() n = n + 1 return n < N and "local a = 1;" or nil end)', copies = 24 },
  { 'load long name', 'S', "load('x =', S)", copies = 30 },
  { 'load, one token', 'S', "load(S)" },
  { 'load, comment', 'S', "load('--' .. S)" },
  { 'load, long string', 'S', "load('return [[' .. S .. ']]')" },
  { 'load, binary', 'K', 'load(K)' },
  { 'loadfile', 'F', 'loadfile(F)', small = true },
  { 'error text', 'S', 'pcall(error, S, 2)' },
  { 'pcall', '', 'pcall(function(...) return ... end, table.unpack(PIECE))' },
  { 'select', '', 'select(-1, table.unpack(PIECE))' },
  { 'select all', '', 'select(2, table.unpack(PIECE))' },
  { 'tonumber', 'D', 'tonumber(D)' },
  { 'tonumber base', 'D', 'tonumber(D, 8)' },
  { 'tonumber spaces', '', "tonumber((' '):rep(N * 10))" },
  { 'tostring', 'S', 'tostring(setmetatable({}, { __tostring = function() return S end }))', small = true },
  { 'rawequal', 'S', "rawequal(S .. 'a', S .. 'b')", copies = 40 },
  { 'rawlen', 'L', 'for i = 1, 1000 do rawlen(L) end' },
  { 'warn', 'S', "warn('@off') warn(S, S)", copies = 40 },
  { 'deep pcall', '', 'local function f(n) if n > 0 then return pcall(f, n - 1) end end f(150000)' },
  { 'deep recursion', '', 'local function f(n) if n > 0 then return 1 + f(n - 1) end return 0 end f(150000)', copies = 40 },
  { 'stack overflow', '', 'local function f() return 1 + f() end pcall(f)', copies = 60 },
  { 'traceback', '', "local function f(n) if n > 0 then return (f(n - 1)) end return debug.traceback() end f(100000)" },
  -- coroutine
  { 'coroutines', '', 'coroutine.wrap(function(...) return ... end)(table.unpack(PIECE))' },
  { 'coroutine.close', '', 'local c = coroutine.create(function() local function f(n) if n > 0 then return 1 + f(n - 1) end coroutine.yield() end f(100000) end) coroutine.resume(c) coroutine.close(c)' },
  -- math, utf8, os, io
  { 'math.max', '', 'math.max(table.unpack(PIECE))' },
  { 'math.min', '', 'math.min(table.unpack(PIECE))' },
  { 'math.tointeger', 'D', 'math.tointeger(D)' },
  { 'utf8.len', 'U', 'utf8.len(U)' },
  { 'utf8.char', '', 'utf8.char(table.unpack(PIECE))' },
  { 'utf8.codepoint', 'U', 'utf8.codepoint(U, 1, N // 4 * 3)' },
  { 'utf8.offset', 'U', 'utf8.offset(U, #U // 3)' },
  { 'utf8.codes', 'U', 'for _, c in utf8.codes(U) do end' },
  { 'os.date', 'W', "os.date(('%Y'):rep(N))" },
  { 'os.getenv', 'S', 'os.getenv(S)' },
  { 'os.time', '', 'os.time({ year = 2000, month = 1, day = 1 })', small = true },
  { 'os.rename', 'S', 'os.rename(S, S)', copies = 60 },
  { 'io.lines', 'F', 'for l in io.lines(F) do end' },
  { 'io.read all', 'F', "local f = io.open(F) f:read('a') f:close()" },
  { 'io.read n', 'F', "local f = io.open(F) f:read(N * 10) f:close()" },
  { 'io.read number', 'F', "local f = io.open(F) f:read('n') f:close()", small = true },
  { 'io.read long line', 'S', "FILE = FILE or (function() local f = io.open(FILES[2], 'w') f:write(S) f:close() return FILES[2] end)() local f = io.open(FILE) f:read('l') f:close()" },
  { 'io.write', 'S', "local f = io.open('/dev/null', 'w') f:write(S, S) f:close()" },
  { 'io.write buffered', 'S', "local f = io.open('/dev/null', 'w') f:setvbuf('full', N * 20) f:write(S) f:close()" },
  { 'io.popen', '', "local p = io.popen('cat /dev/zero') p:read(N * 10) p:close()" },
  { 'io.open', 'S', 'io.open(S)' },
  { 'require', 'S', 'pcall(require, S)', copies = 40 },
  { 'package.searchpath', 'S', "package.searchpath('x', ('?;'):rep(N // 2000))", small = true },
  { 'package.searchpath long', 'S', "package.searchpath(S, '?')", small = true },
  { 'debug.getinfo', '', 'debug.getinfo(1)', small = true },
  { 'debug.sethook', '', "debug.sethook(function() end, '', 100) for i = 1, 10000 do end debug.sethook()" },
  -- processes
  { 'send', 'L', 'concurrent.send(SINK, L)' },
  { 'send strings', 'T', 'concurrent.send(SINK, T)' },
  { 'send hash', 'H', 'concurrent.send(SINK, H)' },
  { 'send string', 'S', 'concurrent.send(SINK, S)' },
  { 'send deep', '', 'DEEP = DEEP or (function() local t = {} for i = 1, N // 4 do t = { t } end return t end)() concurrent.send(SINK, DEEP)' },
  { 'receive', 'L', 'concurrent.send(concurrent.self(), L) concurrent.receive()' },
  { 'receive matching', '', "FULL = FULL or (function() for i = 1, N // 10 do concurrent.send(concurrent.self(), { i }) end return true end)() concurrent.receive(0, { 'none' })" },
  { 'receive function', '', "FULL = FULL or (function() for i = 1, N // 10 do concurrent.send(concurrent.self(), { i }) end return true end)() concurrent.receive(0, function() return false end)" },
  { 'receive pattern', 'H', 'concurrent.send(concurrent.self(), H) concurrent.receive(0, H)' },
  { 'spawn', 'L', 'local p = concurrent.spawn(function() local l = L end) concurrent.kill(p)' },
  { 'spawn arguments', 'H', 'local p = concurrent.spawn(function(...) end, H) concurrent.kill(p)', copies = 60 },
  { 'spawn and run', 'L', 'concurrent.spawn(function() local l = L end) concurrent.sleep(1)', small = true },
  { 'end with much', '', "concurrent.spawnmonitor(function() local t = {} for i = 1, N // 5 do t[i] = { i } end end) concurrent.receive()", small = true },
  { 'exit reason', 'L', "local p = concurrent.spawnmonitor(function() concurrent.exit(L) end) concurrent.receive()", copies = 30 },
  { 'processinfo', '', 'concurrent.processinfo(concurrent.self())', small = true },
  { 'processes', '', 'concurrent.processes()', small = true },
  { 'register', 'S', 'concurrent.whereis(S)' },
  { 'metatable', '', "M = M or {} concurrent.metatable('x', M)", small = true },
}

local concurrent = require 'concurrent'
local each = tonumber(arg[1]) or 300
local million = math.floor((tonumber(arg[2]) or 10) * 100000)
local wanted = arg[3] or ''

local files = { os.tmpname(), os.tmpname() }

-- What the loop's process runs.
local function run(case, parent, each, million)
  N = million
  FILES = files
  function list(n, f) local t = {} for i = 1, n do t[i] = f(i) end return t end
  PIECE = list(200000, function(i) return i end)
  BYTES = list(200000, function(i) return i % 256 end)
  SINK = concurrent.spawn(function() while true do concurrent.receive() end end)
  local function make(name)
    if makers[name] and not _G[name] then
      for other in makers[name]:gmatch('%f[%w]%u%f[%W]') do if other ~= name then make(other) end end
      _G[name] = load('return ' .. makers[name])()
    end
  end
  for name in (case[2] .. ' ' .. case[3]):gmatch('%f[%w]%u%f[%W]') do make(name) end
  local body = assert(load(case[3]))
  collectgarbage()
  if each == 0 then
    -- What was used of a slice counts from the next wait on.
    local function reductions() concurrent.sleep(0) return concurrent.processinfo(concurrent.self()).reductions end
    local before = reductions()
    local ok, message = pcall(body)
    concurrent.exit({ charged = reductions() - before, fault = not ok and not case.fails and message or nil })
  end
  concurrent.send(parent, 'ready')
  local n = 0
  while true do
    local ok, message = pcall(body)
    if not ok and n == 0 and not case.fails then concurrent.send(parent, tostring(message):sub(1, 100)) end
    n = n + 1
    -- Not of each: to read so many would keep the other one busy.
    if n & (n - 1) == 0 then concurrent.send(parent, n) end
  end
end

local time, sleep, receive = concurrent.time, concurrent.sleep, concurrent.receive
local late, tries = 0, 0
for _, case in ipairs(cases) do
  if case[1]:find(wanted) then
    ::again::
    concurrent.setoption('trapexit', true)
    local p = concurrent.spawnmonitor(run, case, concurrent.self(), each, million)
    local said = receive(each == 0 and 1000 or nil)
    if not said then
      -- The time of some grows with the square of the size: one turn of those ends never. They can be killed.
      said = concurrent.processinfo(p)
      concurrent.kill(p)
      receive()
      said.reason = { charged = said.reductions }
    end
    if each == 0 then
      local result = said.reason
      if type(result) ~= 'table' or result.fault then error(case[1] .. ': ' .. tostring(result.fault or result)) end
      local least = case.small and 0 or million * 10 // 4096
      local few = result.charged < least
      print(('%-26s %9d reductions%s'):format(case[1], result.charged, few and ' FEW' or ''))
      late = late + (few and 1 or 0)
      goto continue
    end
    if said ~= 'ready' then error(case[1] .. ': ' .. tostring(type(said) == 'table' and said.reason or said)) end
    local worst, turns, fault = 0, 0, ''
    local before = time()
    local stop = before + each
    while before < stop do
      sleep(1)
      local now = time()
      worst, before = math.max(worst, now - before - 1), now
      repeat
        local said = receive(0)
        if type(said) == 'number' then turns = said elseif said then fault = said.signal and tostring(said.reason) or said end
      until not said
    end
    concurrent.kill(p)
    repeat
      local said = receive()
    until type(said) == 'table' and said.signal == 'DOWN'
    local killed = time() - before
    local over = worst >= 10 + (case.copies or 0) * million / 1e6 or killed >= 20
    print(('%-26s late %8.2f ms  killed in %8.2f ms  %6d turns %s%s'):format(case[1], worst, killed, turns,
      over and (tries < 2 and ' again' or ' OVER') or '', fault == '' and '' or ' ' .. fault))
    tries = over and tries + 1 or 0
    if tries == 1 or tries == 2 then goto again end
    late, tries = late + (over and 1 or 0), 0
    ::continue::
  end
end
for _, name in ipairs(files) do os.remove(name) end
if late > 0 then error(late .. (each == 0 and ' of them charged too little' or ' of them over their time'), 0) end
