-- A module for the tests of require: receives its name and its file's path.
local name, path = ...
local M = { name = name, path = path, loads = (shapes_loads or 0) + 1 }
shapes_loads = M.loads
function M.area(w, h) return w * h end
return M
