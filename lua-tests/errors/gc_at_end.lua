-- At the normal end of a script finalizers run in the reverse order of their marking.

for i = 1, 3 do
  _G['object' .. i] = setmetatable({}, { __gc = function() print('finalize ' .. i) end })
end
local guard <close> = setmetatable({}, { __close = function() print 'close the main chunk' end })
print 'end of script'
