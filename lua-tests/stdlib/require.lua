-- require, package.path, package.loaded, package.preload, searchers, searchpath.

local dir = arg[0]:match '^(.*)[/\\]' or '.'
package.path = dir .. '/../modules/?.lua;' .. package.path

-- a module from a file: its arguments and results
local shapes, where = require 'shapes'
assert(shapes.area(3, 4) == 12 and shapes.name == 'shapes')
assert(shapes.path == where and where == dir .. '/../modules/shapes.lua')

-- loaded once
assert(require 'shapes' == shapes and shapes_loads == 1 and package.loaded.shapes == shapes)
package.loaded.shapes = nil
local again = require 'shapes'
assert(again ~= shapes and again.loads == 2)

-- no result: true
assert(require 'silent' == true and silent_was_here and package.loaded.silent == true)

-- package.loaded may be set by hand
package.loaded.byhand = 'value'
assert(require 'byhand' == 'value')
package.loaded.falsy = false
assert(not pcall(require, 'falsy'))

-- package.preload
package.preload.virtual = function(n, extra) return { n = n, extra = extra } end
local v, extra = require 'virtual'
assert(v.n == 'virtual' and v.extra == ':preload:' and extra == ':preload:')
assert(select('#', require 'virtual') == 1 and require 'virtual' == v)

-- modules that set their own entry, or return false
package.preload.own = function(n) package.loaded[n] = 'own value' end
assert(require 'own' == 'own value')
package.preload.no = function() return false end
assert(require 'no' == false)

-- the standard libraries are loaded
for _, n in ipairs { 'string', 'table', 'math', 'io', 'os', 'coroutine', 'utf8', 'debug', 'package' } do
  assert(require(n) == _G[n] and package.loaded[n] == _G[n])
end
assert(package.loaded._G == _G and require '_G' == _G)

-- errors
local ok, e = pcall(require, 'no.such.module')
assert(not ok and e:find("module 'no.such.module' not found:", 1, true))
assert(e:find("no field package.preload['no.such.module']", 1, true))
assert(e:find("no file '" .. dir .. "/../modules/no/such/module.lua'", 1, true))
ok, e = pcall(require, 'broken')
assert(not ok and e == 'broken on purpose' and package.loaded.broken == nil)
assert(not pcall(require) and not pcall(require, {}))

-- searchpath
assert(package.searchpath('shapes', dir .. '/../modules/?.lua') == dir .. '/../modules/shapes.lua')
local p, msg = package.searchpath('a.b', './?.x;./?/y.x')
assert(p == nil and msg == "no file './a/b.x'\n\tno file './a/b/y.x'")
p, msg = package.searchpath('a-b', '?', '-', '+')
assert(p == nil and msg == "no file 'a+b'")

-- searchers can be added
assert(type(package.searchers) == 'table' and #package.searchers >= 2)
table.insert(package.searchers, function(n)
  if n:match '^gen:' then return function(name, x) return name .. '/' .. tostring(x) end, 'data' end
  return '\n\tno generated module'
end)
assert(require 'gen:x' == 'gen:x/data')
ok, e = pcall(require, 'other')
assert(not ok and e:find('no generated module', 1, true))

-- a bad path
local old = package.path
package.path = nil
ok, e = pcall(require, 'whatever')
assert(not ok and e:find("'package.path' must be a string", 1, true))
package.path = old
assert(package.config:sub(1, 1) == '/' and type(package.cpath) == 'string')
