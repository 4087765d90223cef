-- test: processes
-- A table of a class that the receiver has not registered is an error there that names the class; nothing comes plain.
local c = require 'concurrent'
local root = c.self()
local Point = {}
Point.__index = Point
function Point:sum() return self.x + self.y end
local function child()
  local ok, m = pcall(c.receive)
  c.send(root, ok and (getmetatable(m) and m:sum() or 'plain') or tostring(m))
  c.send(root, c.receive())
end
local p = c.spawn(child)                         -- starts as a copy without `Point`
c.metatable('Point', Point)
c.send(p, setmetatable({ x = 1, y = 2 }, Point))
c.send(p, 'next')
assert(c.receive():find("class 'Point', which the receiver has not registered", 1, true))
assert(c.receive() == 'next')
p = c.spawn(child)
c.send(p, setmetatable({ x = 1, y = 2 }, Point))
c.send(p, 'next')
assert(c.receive() == 3 and c.receive() == 'next')
