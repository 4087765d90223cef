-- Errors find who catches them, with their values and handlers, through several of pcall and xpcall.
local function fails(depth, value)
  if depth == 0 then error(value, 0) end
  local ok, why = pcall(fails, depth - 1, value)
  assert(not ok and why == value)
  error(why, 0)
end
for round = 1, 10 do
  local value = { round = round }
  local ok, why = pcall(fails, 20, value)
  assert(not ok and why == value)
  local handled = 0
  ok, why = xpcall(function()
    local ok, inner = pcall(function() local x = nil return x.field end)
    assert(not ok and inner:find("local 'x'", 1, true), inner)
    error(inner)
  end, function(e) handled = handled + 1 return { e, debug.traceback() } end)
  assert(not ok and handled == 1 and why[1]:find("local 'x'", 1, true) and why[2]:find 'traceback')
  assert(select('#', pcall(function() return 1, nil, 3, nil end)) == 5)
  ok, why = pcall(error)
  assert(not ok and why == nil)
end
