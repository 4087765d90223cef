-- `trace`: has the node tell what happens to a process, and writes it. `arg`: the node, the text of attach/node.lua, that of
-- trace/node.lua, the process, the file or nothing, seconds or nothing. What is told is not trusted: it is text, and shown as that.
local c = require 'concurrent'
local body = assert(load(arg[3], '=node.lua'))()
local path, seconds = arg[5] ~= '' and arg[5], tonumber(arg[6])

local function clean(v) return (tostring(v or ''):sub(1, 400):gsub('%c', '?')) end
local function quoted(v)
  local s = clean(v)
  if not utf8.len(s) then s = s:gsub('[\x80-\xff]', '?') end
  return '"' .. s:gsub('["\\]', '\\%0') .. '"'
end
local function micros(r) return math.tointeger(tonumber(r.time)) or 0 end

local file
if path then
  local why
  file, why = io.open(path, 'w')
  if not file then
    io.stderr:write('rlua-actor: ', why, '\n')
    os.exit(1)
  end
end
local is_first = true
local END = ']}\n'
local function event(text)
  if is_first then
    file:write('{"displayTimeUnit":"ms","traceEvents":[', text, END)
  else
    file:seek('cur', -#END)
    file:write(',\n', text, END)
  end
  is_first = false
end

local function put(r)
  local dropped = tonumber(r.dropped) or 0
  if not file then
    if dropped > 0 then print(string.format('(%d records are missing: they came too fast)', dropped)) end
    local t = micros(r)
    local parts = { os.date('!%H:%M:%S', t // 1000000) .. string.format('.%06d', t % 1000000), clean(r.pid), clean(r.trace) }
    for _, field in ipairs { 'other', 'value' } do
      if r[field] and r[field] ~= '' then parts[#parts + 1] = clean(r[field]) end
    end
    print(table.concat(parts, ' '))
  else
    local number = tostring(r.pid):match '(%d+)>$' or '0'
    event(string.format('{"name":%s,"cat":"process","ph":"i","s":"t","ts":%d,"pid":1,"tid":%s,"args":{"process":%s,"with":%s,"value":%s,"dropped":%d}}',
      quoted(r.trace), micros(r), number, quoted(r.pid), quoted(r.other), quoted(r.value), dropped // 1))
  end
end

local there = visit('trace', body, arg[4])
local first = told()
if file then
  local number = tostring(first.pid):match '(%d+)>$' or '0'
  event(string.format('{"name":"process_name","ph":"M","pid":1,"tid":0,"args":{"name":%s}}', quoted(arg[1])))
  event(string.format('{"name":"thread_name","ph":"M","pid":1,"tid":%s,"args":{"name":%s}}', number, quoted(first.pid)))
  file:flush()
end
local until_ = seconds and c.time() + seconds * 1000
while true do
  local left = until_ and until_ - c.time()
  if left and left <= 0 then break end
  local m = c.receive(left)
  if not m then break end
  if type(m) == 'table' and m.signal == 'DOWN' and m.from == there then
    io.stderr:write('rlua-actor: the node has gone: ', clean(m.reason), '\n')
    os.exit(1, true)
  end
  local is_over = false
  for _, r in ipairs(type(m) == 'table' and type(m.records) == 'table' and m.records or {}) do
    if type(r) == 'table' then
      put(r)
      is_over = is_over or r.trace == 'ended:'
    end
  end
  if file then file:flush() else io.stdout:flush() end
  if is_over then break end
end
