-- Messages for binary chunks that are truncated or wrong.

local function is(want, f)
  local ok, e = pcall(f)
  assert(not ok)
  e = tostring(e)
  while e:find '^[^%s:]+:%d+: ' do e = e:gsub('^[^%s:]+:%d+: ', '') end
  assert(e == want, e)
end
local function rethrow(_, m) error(m, 0) end
local header = '\27Lua\x54\0\x19\x93\r\n\x1a\n\4\8\8\x78\x56\0\0\0\0\0\0\0\0\0\0\0\x28\x77\x40'

-- binary chunks that are none
is('name: bad binary format (truncated chunk)', function() rethrow(load('\27', 'name')) end)
is('name: bad binary format (truncated chunk)', function() rethrow(load('\27', '=name')) end)
is('name: bad binary format (truncated chunk)', function() rethrow(load('\27', '@name')) end)
is('name: bad binary format (truncated chunk)', function() rethrow(load('\27L', '=name')) end)
is('name: bad binary format (not a binary chunk)', function() rethrow(load('\27Lux', '=name')) end)
is('name: bad binary format (truncated chunk)', function() rethrow(load('\27Lua', '=name')) end)
is('name: bad binary format (version mismatch)', function() rethrow(load('\27Lua\x53', '=name')) end)
is('name: bad binary format (truncated chunk)', function() rethrow(load('\27Lua\x54', '=name')) end)
is('name: bad binary format (format mismatch)', function() rethrow(load('\27Lua\x54\1', '=name')) end)
is('name: bad binary format (truncated chunk)', function() rethrow(load('\27Lua\x54\0', '=name')) end)
is('name: bad binary format (truncated chunk)', function() rethrow(load('\27Lua\x54\0\x19', '=name')) end)
is('name: bad binary format (corrupted chunk)', function() rethrow(load('\27Lua\x54\0\x19\x93\r\n\x1a\r', '=name')) end)
is('name: bad binary format (truncated chunk)', function() rethrow(load(header:sub(1, 20), '=name')) end)
is('name: bad binary format (truncated chunk)', function() rethrow(load(header, '=name')) end)
is("attempt to load a binary chunk (mode is 't')", function() rethrow(load('\27anything', '=name', 't')) end)
is(': bad binary format (truncated chunk)', function() rethrow(load('\27', '')) end)
is('binary string: bad binary format (truncated chunk)', function() rethrow(load('\27')) end)
is('binary string: bad binary format (truncated chunk)', function() rethrow(load(header)) end)
is('binary string: bad binary format (truncated chunk)', function() rethrow(load('\27Lua\x54\0')) end)
local function with(i, c) return header:sub(1, i - 1) .. c .. header:sub(i + 1) end
is('name: bad binary format (Instruction size mismatch)', function() rethrow(load(with(13, '\8'), '=name')) end)
is('name: bad binary format (lua_Integer size mismatch)', function() rethrow(load(with(14, '\4'), '=name')) end)
is('name: bad binary format (lua_Number size mismatch)', function() rethrow(load(with(15, '\4'), '=name')) end)
is('name: bad binary format (integer format mismatch)', function() rethrow(load(with(16, '\1'), '=name')) end)
is('name: bad binary format (float format mismatch)', function() rethrow(load(with(31, '\1'), '=name')) end)
