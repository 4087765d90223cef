-- What `top` asks a node, and what it makes of the answers: returns the function that is given each question of the screen, and whose
-- result is JSON. It runs in the tool; node.lua has what runs in the nodes. `arg`: the node, the text of node.lua. With no node ('') as
-- in the web view, the process that asks others runs here, and each question names the nodes.
-- What comes is not trusted: whatever it is, the text is of bounded length and depth.
local c = require 'concurrent'
local node = arg[1]
local watch = assert(load(arg[2], '=node.lua'))()

-- Milliseconds that the node has for an answer.
local PATIENCE = 3000
-- Items of an array, fields, bytes of a text, tables in tables, and values of an answer that are looked at.
local ITEMS, FIELDS, BYTES, DEPTH, VALUES = 1000, 64, 400, 8, 500000

-- Processes of the last answer, by what they are shown as.
local pids = {}
local escapes = { ['"'] = '\\"', ['\\'] = '\\\\' }
local function text(s)
  if #s > BYTES then s = s:sub(1, BYTES) .. '...' end
  if not utf8.len(s) then s = s:gsub('[\x80-\xff]', '?') end
  return '"' .. s:gsub('[%c"\\]', function(ch) return escapes[ch] or string.format('\\u%04x', ch:byte()) end) .. '"'
end
local function json(v, out, depth)
  local kind = type(v)
  out.values = (out.values or 0) + 1
  if out.values > VALUES or depth > DEPTH then
    out[#out + 1] = 'null'
  elseif kind == 'string' then
    out[#out + 1] = text(v)
  elseif kind == 'boolean' then
    out[#out + 1] = tostring(v)
  elseif kind == 'number' then
    out[#out + 1] = math.type(v) == 'integer' and string.format('%d', v)
      or v == v and v ~= math.huge and v ~= -math.huge and string.format('%.17g', v) or 'null'
  elseif kind == 'userdata' then
    local name = tostring(v)
    if #name < 300 then pids[name] = v end
    out[#out + 1] = text(name)
  elseif kind == 'table' then
    if rawget(v, 1) ~= nil or next(v) == nil then
      out[#out + 1] = '['
      for i = 1, math.min(rawlen(v), ITEMS) do
        if i > 1 then out[#out + 1] = ',' end
        json(rawget(v, i), out, depth + 1)
      end
      out[#out + 1] = ']'
    else
      local n = 0
      out[#out + 1] = '{'
      for k, field in next, v do
        if type(k) == 'string' and n < FIELDS then
          if n > 0 then out[#out + 1] = ',' end
          n = n + 1
          out[#out + 1] = text(k) .. ':'
          json(field, out, depth + 1)
        end
      end
      out[#out + 1] = '}'
    end
  else
    out[#out + 1] = 'null'
  end
end
local function encoded(v)
  local out = {}
  json(v, out, 0)
  return table.concat(out)
end

-- The process in the node; none: it has gone.
local there
local is_here = node == ''
if is_here then
  local ok, why = c.init(string.format('observe_%d@localhost', math.random(1 << 40)))
  if not ok then error(why, 0) end
else
  there = visit('top', watch, true)
  told()
end
local number = 0
local function ask(want)
  if not there then
    local pid, why
    if is_here then pid = c.spawnmonitor(watch, c.self(), true) else pid, why = c.spawnmonitor(node, watch, c.self(), true) end
    if not pid then return { failed = advice(why) } end
    there = pid
  end
  if want.detail then
    want.detail.pid = pids[want.detail.pid] or is_here and want.detail.pid
    if not want.detail.pid then want.detail = nil end
  end
  if want.about then
    local known = {}
    for _, name in ipairs(want.about) do known[#known + 1] = pids[name] end
    want.about = known
  end
  number = number + 1
  c.send(there, { want = want, number = number })
  local until_ = c.time() + PATIENCE
  while true do
    local left = until_ - c.time()
    local m = left > 0 and c.receive(left)
    if not m then return { failed = node .. ' does not answer' } end
    if type(m) ~= 'table' then
    elseif m.answer == number then
      pids = {}
      return { nodes = m.nodes }
    elseif m.signal == 'DOWN' and m.from == there then
      there = nil
      return { failed = 'the connection to ' .. node .. ' is lost: ' .. tostring(m.reason) }
    end
  end
end
return function(request)
  local ok, result = pcall(function() return encoded(ask(load('return ' .. request, '=request', 't', {})())) end)
  return ok and result or encoded { failed = tostring(result) }
end
