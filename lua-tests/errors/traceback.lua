-- debug.traceback: the reference's format.
-- The file's path is cut away, since it depends on where the test is run.

local function clean(s) return (s:gsub('[^\n\t<]*traceback%.lua:', 'T:')) end

local function inner(msg, level) return debug.traceback(msg, level) end
local function middle(...) local r = inner(...); return r end
function global_function(...) local r = middle(...); return r end

print(clean(global_function('message')))
print(clean(global_function('level 2', 2)))
print(clean(global_function(nil, 1)))
print(clean(global_function('far', 100)))

-- values that are no strings come back as they are
local t = {}
assert(debug.traceback(t) == t and debug.traceback(true) == true and debug.traceback(print) == print)
assert(debug.traceback(12, 100) == '12\nstack traceback:')

-- methods, fields, tail calls, library functions
local obj = { name = 'o' }
function obj:method() local r = debug.traceback('in method'); return r end
function obj.field() local r = obj:method(); return r end
print(clean((obj.field())))
local function tail() return inner('tail', 1) end
print(clean((tail())))
local viapcall
pcall(function() viapcall = debug.traceback('in pcall') end)
print(clean(viapcall))
local viasort
table.sort({ 1, 2 }, function(x, y) viasort = viasort or debug.traceback('in sort'); return x < y end)
print(clean(viasort))

-- coroutines
local co = coroutine.create(function()
  local function y() coroutine.yield() return 1 end
  local r = y()
  return r
end)
coroutine.resume(co)
print(clean(debug.traceback(co)))
print(clean(debug.traceback(co, 'with message')))
print(clean(debug.traceback(co, 'level 1', 1)))
coroutine.resume(co)
print(clean(debug.traceback(co, 'dead')))
print(clean(debug.traceback(coroutine.create(print), 'not started')))
local failed = coroutine.create(function() local function f() error 'oops' end f() end)
coroutine.resume(failed)
print(clean(debug.traceback(failed, 'after an error')))
