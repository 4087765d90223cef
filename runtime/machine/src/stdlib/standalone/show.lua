-- Shows values at the prompt: returns a function of any values that returns their text. Tables are written out, within
-- bounds of depth, width and number; what has a __tostring says it itself.
local type, tostring, next, rawget, getmetatable = type, tostring, next, rawget, debug.getmetatable
local format, rep, match, gsub, byte = string.format, string.rep, string.match, string.gsub, string.byte
local concat, sort, pack, mathtype, floor = table.concat, table.sort, table.pack, math.type, math.floor
local MAX_DEPTH, MAX_ITEMS, WIDTH, MAX_TEXT = 6, 200, 76, 20000

local keywords = {}
for word in string.gmatch([[and break do else elseif end false for function goto if in local nil not or repeat return
  then true until while]], '%a+') do keywords[word] = true end

local escapes = { ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t', ['\\'] = '\\\\', ['"'] = '\\"', ['\a'] = '\\a',
  ['\b'] = '\\b', ['\f'] = '\\f', ['\v'] = '\\v' }
local function quoted(s)
  local long = #s > MAX_TEXT
  if long then s = s:sub(1, MAX_TEXT) end
  s = gsub(s, '[%c"\\\127]', function(c) return escapes[c] or format('\\x%02x', byte(c)) end)
  return '"' .. s .. '"' .. (long and '...' or '')
end
local function key_text(k, show)
  if type(k) == 'string' and match(k, '^[%a_][%w_]*$') and not keywords[k] then return k end
  return '[' .. show(k) .. ']'
end
local order = { number = 1, string = 2, boolean = 3 }
local function before(a, b)
  local x, y = order[type(a)] or 4, order[type(b)] or 4
  if x ~= y then return x < y end
  if x <= 2 then return a < b end
  return tostring(a) < tostring(b)
end

local function shower()
  local path, items = {}, 0
  local show
  local function show_table(t, depth, indent)
    if path[t] then return '<' .. tostring(t) .. ' again>' end
    if next(t) == nil then return '{}' end
    if depth > MAX_DEPTH then return '{...}' end
    path[t] = true
    local parts, length, cut = {}, 0, false
    local function add(text)
      parts[#parts + 1] = text
      length = length + #text + 2
      items = items + 1
      cut = items > MAX_ITEMS
    end
    local n = 0
    while not cut do
      local v = rawget(t, n + 1)
      if v == nil then break end
      n = n + 1
      add(show(v, depth + 1, indent .. '  '))
    end
    local keys = {}
    for k in next, t do
      if not (mathtype(k) == 'integer' and k >= 1 and k <= n) then keys[#keys + 1] = k end
    end
    sort(keys, before)
    for _, k in next, keys do
      if cut then break end
      add(key_text(k, function(key) return show(key, depth + 1, indent .. '  ') end) .. ' = '
        .. show(rawget(t, k), depth + 1, indent .. '  '))
    end
    if cut then parts[#parts + 1] = '...' end
    path[t] = nil
    local line = '{ ' .. concat(parts, ', ') .. ' }'
    if length + #indent <= WIDTH and not match(line, '\n') then return line end
    return '{\n' .. indent .. '  ' .. concat(parts, ',\n' .. indent .. '  ') .. '\n' .. indent .. '}'
  end
  function show(v, depth, indent)
    local kind = type(v)
    if kind == 'string' then return quoted(v) end
    if kind == 'table' then
      local meta = getmetatable(v)
      if not (type(meta) == 'table' and (rawget(meta, '__tostring') or rawget(meta, '__name'))) then
        return show_table(v, depth, indent)
      end
    end
    return tostring(v)
  end
  return show
end

return function(...)
  local values = pack(...)
  for i = 1, values.n do values[i] = shower()(values[i], 0, '') end
  return concat(values, '\t', 1, values.n)
end
