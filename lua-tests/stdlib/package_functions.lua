-- package: every field and function of it, require's arguments and results.

-- config: five lines
local lines = {}
for l in package.config:gmatch '[^\n]+' do lines[#lines + 1] = l end
assert(#lines == 5 and table.concat(lines) == '/;?!-' and package.config:sub(-1) == '\n')

-- loaded holds every library, and _G
for _, name in ipairs { '_G', 'package', 'coroutine', 'table', 'io', 'os', 'string', 'math', 'utf8', 'debug' } do
  assert(package.loaded[name] == (name == '_G' and _G or _G[name]), name)
  assert(require(name) == package.loaded[name])
end
assert(debug.getregistry()._LOADED == package.loaded and debug.getregistry()._PRELOAD == package.preload)
assert(type(package.path) == 'string' and type(package.cpath) == 'string' and #package.searchers >= 2)
assert(type(package.preload) == 'table')

-- preload: the loader gets the name and ':preload:', both come back
package.preload['made.up'] = function(...)
  assert(select('#', ...) == 2)
  return { args = { ... } }
end
local m, extra = require 'made.up'
assert(m.args[1] == 'made.up' and m.args[2] == ':preload:' and extra == ':preload:' and package.loaded['made.up'] == m)
-- loaded already: one result, no call
assert(select('#', require 'made.up') == 1 and require 'made.up' == m)
package.loaded['made.up'] = nil
local again = require 'made.up'
assert(again ~= m)
package.loaded['made.up'], package.preload['made.up'] = nil, nil

-- what a loader returns: nothing, nil, false, and what it puts into package.loaded itself
package.preload.nothing = function() end
local v, x = require 'nothing'
assert(v == true and x == ':preload:' and package.loaded.nothing == true)
package.preload.isfalse = function() return false end
assert(require 'isfalse' == false and package.loaded.isfalse == false)
local calls = 0
package.preload.isfalse = function() calls = calls + 1 return false end
assert(require 'isfalse' == false and calls == 1)
package.preload.sets = function(name) package.loaded[name] = 'set by itself' end
assert(require 'sets' == 'set by itself')
package.preload.both = function(name) package.loaded[name] = 'first' return 'second', 'third' end
v, x = require 'both'
assert(v == 'second' and x == ':preload:' and package.loaded.both == 'second')
package.loaded.manual = 42
assert(require 'manual' == 42)
for _, n in ipairs { 'nothing', 'isfalse', 'sets', 'both', 'manual' } do package.loaded[n], package.preload[n] = nil, nil end

-- a module that fails is not loaded, and may be required again
local tries = 0
package.preload.flaky = function() tries = tries + 1 if tries == 1 then error({ 'no' }) end return 'yes' end
local ok, e = pcall(require, 'flaky')
assert(not ok and e[1] == 'no' and package.loaded.flaky == nil and require 'flaky' == 'yes')
package.loaded.flaky, package.preload.flaky = nil, nil

-- searchers of our own: called in order with the name, until one gives a function
local searchers, asked = package.searchers, {}
package.searchers = {
  function(...) asked[#asked + 1] = 'a ' .. ... assert(select('#', ...) == 1) return nil end,
  function(n) asked[#asked + 1] = 'b ' .. n return 'said b' end,
  function(n) asked[#asked + 1] = 'c ' .. n return function(...) return { ... } end, { 'extra' } end,
  function() error 'never asked' end,
}
m, extra = require 'own'
assert(table.concat(asked, ',') == 'a own,b own,c own' and m[1] == 'own' and m[2] == extra and extra[1] == 'extra')
package.loaded.own = nil
package.searchers = { function() return function(...) return select('#', ...), ... end end }
m, extra = require 'own'
assert(m == 2 and extra == nil)
package.loaded.own = nil
package.searchers = searchers

-- the searchers themselves
local loader, where = package.searchers[1] 'unknown'
assert(loader == "no field package.preload['unknown']" and where == nil)
package.preload.known = type
loader, where = package.searchers[1] 'known'
assert(loader == type and where == ':preload:')
package.preload.known = nil
local path = package.path
package.path = './modules/?.lua;./nowhere/?.lua'
loader, where = package.searchers[2] 'shapes'
assert(type(loader) == 'function' and where == './modules/shapes.lua')
loader, where = package.searchers[2] 'unknown.sub'
assert(loader == "no file './modules/unknown/sub.lua'\n\tno file './nowhere/unknown/sub.lua'" and where == nil)
package.path = path

-- searchpath: name, path, separator, replacement
local found, message = package.searchpath('shapes', './nowhere/?.lua;./modules/?.lua')
assert(found == './modules/shapes.lua' and message == nil)
assert(package.searchpath('modules.shapes', './?.lua') == './modules/shapes.lua')
assert(package.searchpath('modules-shapes', './?.lua', '-') == './modules/shapes.lua')
assert(package.searchpath('modules+shapes', './?.lua', '+', '/') == './modules/shapes.lua')
assert(package.searchpath('ignored', './modules/shapes.lua') == './modules/shapes.lua')
assert(package.searchpath('shapes', './modules/?.?;./modules/?.lua', '') == './modules/shapes.lua')
found, message = package.searchpath('a.b', './?.none;/?/?.x')
assert(found == nil and message == "no file './a/b.none'\n\tno file '/a/b/a/b.x'")
found, message = package.searchpath('a.b', './?.none', '')
assert(found == nil and message == "no file './a.b.none'")
found, message = package.searchpath('a.b', './?.none', '.', '::')
assert(found == nil and message == "no file './a::b.none'")

-- loadlib: a failure is nil, a message and where
local f, why, kind = package.loadlib('./no/such/library.so', 'luaopen_x')
assert(f == nil and type(why) == 'string' and (kind == 'open' or kind == 'absent'))
f, why, kind = package.loadlib('./no/such/library.so', '*')
assert(f == nil and type(why) == 'string' and (kind == 'open' or kind == 'absent'))
