-- test: processes
-- What a native does in steps is not disturbed: no finalizer runs in its middle, and changes what it reads.
local concurrent = require 'concurrent'

-- Few items, with much to copy.
local list, pads = {}, {}
for i = 1, 200 do
  pads[i] = i .. (' '):rep(8000)
  list[i] = { 0, pads[i] }
end

-- A finalizer is due again and again: each one puts the same new number into every item, and makes the next.
local ran, most = 0, 0
local function arm()
  setmetatable({}, {
    __gc = function()
      ran = ran + 1
      for i = 1, #list do list[i] = { ran, pads[i] } end
      if ran < most then arm() end
    end,
  })
end
function is_whole(list)
  for i = 2, #list do
    if list[i][1] ~= list[1][1] then return false end
  end
  return true
end
-- Something that does much in one native, with a collection under way.
local function during(f)
  local before = ran
  most = ran + 200
  arm()
  for turn = 1, 40 do
    for i = 1, turn * 20 do local garbage = ('x'):rep(2000 + i) end
    f()
  end
  collectgarbage()
  assert(ran > before)
end

local self = concurrent.self()
local sink = concurrent.spawn(function()
  while true do concurrent.send(self, is_whole(concurrent.receive())) end
end)
during(function()
  concurrent.send(sink, list)
  assert(concurrent.receive() == true)
end)
during(function()
  concurrent.spawn(function() concurrent.send(self, is_whole(list)) end)
  assert(concurrent.receive() == true)
end)
during(function()
  concurrent.send(self, list)
  if not concurrent.receive(0, list) then
    -- The list was changed after it was sent.
    assert(is_whole(concurrent.receive()))
  end
end)
print 'undisturbed'
