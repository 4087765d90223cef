-- Where yield is refused, and where it is not: message handlers, finalizers, hooks, callbacks of library functions,
-- metamethods that these call, variables that are closed.

local yield = coroutine.yield
local function mt(e, f) return setmetatable({}, {[e] = f or function() return yield('Y') end}) end
local cases = {
  handler = function() return xpcall(error, function() return yield 'Y' end, 'e') end,
  handler_native = function() return xpcall(error, yield, 'e') end,
  handler_isyieldable = function() return xpcall(error, function() return coroutine.isyieldable() end, 'e') end,
  handler_pcall = function() return xpcall(error, function() return pcall(yield, 'Y') end, 'e') end,
  after_handler = function() xpcall(error, function() end, 'e') return yield 'Y' end,
  after_handler_error = function() xpcall(error, function() error 'again' end, 'e') return yield 'Y' end,
  after_handler_native = function() xpcall(error, tostring, 'e') return yield 'Y' end,
  after_handler_native_error = function() xpcall(error, setmetatable, 'e') return yield 'Y' end,
  after_handler_yield = function() xpcall(error, function() yield() end, 'e') return yield 'Y', coroutine.isyieldable() end,
  handler_in_handler = function() return xpcall(error, function() local a, b = xpcall(error, function() return 'inner' end, 'x') return tostring(coroutine.isyieldable()) .. tostring(b) end, 'e') end,
  handler_coroutine = function() return xpcall(error, function() local co = coroutine.wrap(function() return yield 'in' end) return co() end, 'e') end,
  handler_overflow = function() local function f() return f() + 1 end local a, b = xpcall(f, function(m) return coroutine.isyieldable() end) return a, b, yield 'Y' end,
  handler_overflow2 = function() local function f() return f() + 1 end local a, b = xpcall(f, f) return a, yield 'Y' end,
  handler_tail = function() return xpcall(error, function() return yield('Y') end, 'e') end,
  gc = function() setmetatable({}, {__gc = function() yield 'Y' end}) collectgarbage() return 'done' end,
  close_normal = function() local x <close> = mt '__close' return 'r' end,
  close_break = function() for i = 1, 1 do local x <close> = mt '__close' break end return 'r' end,
  close_error_pcall = function() return pcall(function() local x <close> = mt '__close' error 'e' end) end,
  close_error_xpcall = function() return xpcall(function() local x <close> = mt '__close' error 'e' end, function(m) return 'h' .. m end) end,
  close_error_two = function() return pcall(function() local x <close> = mt '__close' local y <close> = mt '__close' error 'e' end) end,
  close_error_uncaught = function() local x <close> = mt '__close' error 'e' end,
  close_coroutine = function() local co = coroutine.create(function() local x <close> = mt '__close' yield 'inner' end) local a, b = coroutine.resume(co) return b, coroutine.close(co) end,
  close_coroutine_is = function() local r local co = coroutine.create(function() local x <close> = mt('__close', function() r = coroutine.isyieldable() end) yield 'inner' end) coroutine.resume(co) return coroutine.close(co), r end,
  close_coroutine_nested = function() local co = coroutine.create(function() local x <close> = mt('__close', function() local c2 = coroutine.wrap(function() yield 'deep' end) c2() c2() end) yield 'inner' end) local a, b = coroutine.resume(co) return b, coroutine.close(co) end,
  close_coroutine_pcall = function() local r local co = coroutine.create(function() local x <close> = mt('__close', function() r = {pcall(yield, 1)} end) yield 'inner' end) local a, b = coroutine.resume(co) return b, coroutine.close(co), r[1], r[2] end,
  close_wrap = function() local w = coroutine.wrap(function() local x <close> = mt '__close' error 'e' end) return pcall(w) end,
  close_failed = function() local co = coroutine.create(function() local x <close> = mt '__close' error 'e' end) coroutine.resume(co) return coroutine.close(co) end,
  hook = function() local ok, e local n = 0 debug.sethook(function() n = n + 1 if n == 1 then ok, e = pcall(yield, 'Y') end end, 'l')
    local x = 1
    debug.sethook() return ok, e end,
  sort = function() return pcall(table.sort, {3,2,1}, function(a, b) yield 'Y' return a < b end) end,
  sort_lt = function() return pcall(table.sort, {mt '__lt', mt '__lt'}) end,
  sort_index = function() return pcall(table.sort, setmetatable({}, {__len = function() return 2 end, __index = function() return yield 'Y' end})) end,
  sort_len = function() return pcall(table.sort, setmetatable({}, {__len = function() return yield 'Y' end})) end,
  gsub = function() return pcall(string.gsub, 'a', 'a', function() return yield 'Y' end) end,
  gsub_index = function() return pcall(string.gsub, 'a', 'a', mt '__index') end,
  concat = function() return pcall(table.concat, setmetatable({}, {__len = function() return 2 end, __index = function() return yield 'Y' end})) end,
  insert = function() return pcall(table.insert, mt('__newindex'), 1) end,
  unpack = function() return pcall(table.unpack, mt('__index'), 1, 2) end,
  move = function() return pcall(table.move, mt('__index'), 1, 2, 3) end,
  remove = function() return pcall(table.remove, setmetatable({}, {__len = function() return yield 'Y' end})) end,
  tostring = function() return pcall(tostring, mt '__tostring') end,
  print = function() return pcall(print, mt '__tostring') end,
  format = function() return pcall(string.format, '%s', mt '__tostring') end,
  load = function() return pcall(load, function() return yield 'Y' end) end,
  loadr = function() return load(function() return yield 'Y' end) end,
  require = function() package.preload.yy = function() return yield 'Y' end return pcall(require, 'yy') end,
  searcher = function() table.insert(package.searchers, 1, function() return yield 'Y' end) local a, b = pcall(require, 'zz') table.remove(package.searchers, 1) return a, b end,
  max = function() return pcall(math.max, mt '__lt', mt '__lt') end,
  pairs = function() return pairs(mt '__pairs') end,
  ipairs = function() return pcall(function() for i, v in ipairs(mt '__index') do return v end end) end,
  ostime = function() return pcall(os.time, mt '__index') end,
  dofile = function() local n = os.tmpname() local f = io.open(n, 'w') f:write 'return coroutine.yield "Y"' f:close() local a, b = pcall(dofile, n) os.remove(n) return a, b end,
  meta_add = function() return mt '__add' + 1 end, meta_index = function() return mt('__index').x end, meta_len = function() return #mt '__len' end, meta_concat = function() return mt '__concat' .. 'x' end, meta_eq = function() return mt '__eq' == mt '__eq' end, meta_lt = function() return mt '__lt' < mt '__lt' end, meta_call = function() return mt '__call'() end, meta_unm = function() return -mt '__unm' end,
  meta_str = function() return pcall(function() return 'x' + mt '__add' end) end, meta_str2 = function() return mt '__add' + 'x' end,
  forin = function() for a in mt '__call' do return a end end, forclose = function() for a in next, {1}, nil, mt '__close' do break end return 'r' end,
  pcall = function() return pcall(yield, 'Y') end, pcall_pcall = function() return pcall(pcall, yield, 'Y') end,
  wrap = function() return coroutine.wrap(function() return yield 'Y' end)() end,
  resume = function() return coroutine.resume(coroutine.create(yield), 'Y') end,
  table_access = function() return rawget(mt '__index', 1), select('#', rawlen(mt '__len')) end,
  metatable_tostring_name = function() return type(select(2, pcall(error, mt '__tostring'))) end,
  debug_traceback = function() return type(debug.traceback(mt '__tostring')) end,
  setmeta = function() return pcall(setmetatable, mt '__index', nil) end,
  next = function() return pcall(next, mt '__index') end,
  rep_arg = function() return pcall(string.rep, mt '__tostring', 2) end,
}
local names = {}
for k in pairs(cases) do names[#names + 1] = k end
table.sort(names)
local function show(...) local t = table.pack(...) for i = 1, t.n do t[i] = tostring(t[i]):gsub('0x%x+', ''):gsub('[%w_/-]*%.lua:%d+: ', '') end return t.n .. ' ' .. table.concat(t, ' | ') end
for _, k in ipairs(names) do
  local co = coroutine.create(cases[k])
  io.write(k, ': ')
  for i = 1, 4 do
    io.write(show(coroutine.resume(co, i)), ' ; ')
    if coroutine.status(co) == 'dead' then break end
  end
  io.write('\n')
end
io.write(show(pcall(cases.handler)), '\n', show(pcall(cases.close_coroutine)), '\n', show(pcall(cases.close_error_pcall)), '\n', show(pcall(cases.close_wrap)), '\n', show(pcall(cases.gc)), '\n')
