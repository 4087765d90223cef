-- Methods: classes with inheritance through __index, getters, setters and overriding.

local n = tonumber(arg and arg[1]) or 1500000

local Shape = {}
Shape.__index = Shape
function Shape.new(class, width) return setmetatable({ width = width, touched = 0 }, class) end
function Shape:touch() self.touched = self.touched + 1 end
function Shape:area() return 0 end
function Shape:resize(by) self.width = self.width % 97 + by end

local Square = setmetatable({}, { __index = Shape })
Square.__index = Square
function Square:area() return self.width * self.width end

local Bar = setmetatable({}, { __index = Square })
Bar.__index = Bar
function Bar:area() return self.width * 3 end
function Bar:touch() Shape.touch(self) end

local shapes = { Shape.new(Square, 2), Shape.new(Bar, 3), Shape.new(Shape, 4) }
local total = 0
for i = 1, n do
  local s = shapes[i % 3 + 1]
  s:touch()
  s:resize(i % 5)
  total = total + s:area()
end
local touched = 0
for _, s in ipairs(shapes) do touched = touched + s.touched end
print(string.format('area %d, touched %d', total, touched))
