-- json: encodes and decodes a document again and again, by patterns, gsub and table.concat. arg[1] = rounds.
local N = (arg and arg[1] or 1500) + 0

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t" }
local function encode(v, out)
  local kind = type(v)
  if kind == "table" then
    if #v > 0 then
      out[#out + 1] = "["
      for i, e in ipairs(v) do
        if i > 1 then out[#out + 1] = "," end
        encode(e, out)
      end
      out[#out + 1] = "]"
    else
      local keys = {}
      for k in pairs(v) do keys[#keys + 1] = k end
      table.sort(keys)
      out[#out + 1] = "{"
      for i, k in ipairs(keys) do
        if i > 1 then out[#out + 1] = "," end
        out[#out + 1] = '"' .. k .. '":'
        encode(v[k], out)
      end
      out[#out + 1] = "}"
    end
  elseif kind == "string" then
    out[#out + 1] = '"' .. v:gsub('[%c"\\]', escapes) .. '"'
  else
    out[#out + 1] = tostring(v)
  end
end
local unescapes = { n = "\n", t = "\t", ['"'] = '"', ["\\"] = "\\" }
local decode
local function skip(s, i) return s:match("^%s*()", i) end
local function decode_string(s, i)
  local parts = {}
  while true do
    local text, stop, at = s:match('^([^"\\]*)(["\\])()', i)
    parts[#parts + 1] = text
    if stop == '"' then return table.concat(parts), at end
    parts[#parts + 1] = unescapes[s:sub(at, at)]
    i = at + 1
  end
end
function decode(s, i)
  i = skip(s, i)
  local c = s:sub(i, i)
  if c == "{" then
    local t = {}
    i = skip(s, i + 1)
    if s:sub(i, i) == "}" then return t, i + 1 end
    while true do
      local key
      key, i = decode_string(s, skip(s, i) + 1)
      i = skip(s, i)
      t[key], i = decode(s, i + 1)
      i = skip(s, i)
      c = s:sub(i, i)
      i = i + 1
      if c == "}" then return t, i end
    end
  elseif c == "[" then
    local t = {}
    i = skip(s, i + 1)
    if s:sub(i, i) == "]" then return t, i + 1 end
    while true do
      t[#t + 1], i = decode(s, i)
      i = skip(s, i)
      c = s:sub(i, i)
      i = i + 1
      if c == "]" then return t, i end
    end
  elseif c == '"' then
    return decode_string(s, i + 1)
  elseif s:find("^true", i) then
    return true, i + 4
  elseif s:find("^false", i) then
    return false, i + 5
  end
  local digits, at = s:match("^(-?%d+%.?%d*[eE]?[+-]?%d*)()", i)
  return tonumber(digits), at
end

local doc = { name = "a \"document\"", list = {}, nested = { deep = { deeper = { 1, 2, 3 } } } }
for i = 1, 30 do
  doc.list[i] = { id = i, name = "item " .. i, price = i * 1.5, tags = { "a", "b\n", "c" }, ok = i % 2 == 0 }
end
local size, text = 0, nil
for _ = 1, N do
  local out = {}
  encode(doc, out)
  text = table.concat(out)
  doc = decode(text, 1)
  size = (size + #text) % 1000003
end
print("json", N, size, #text, doc.list[7].price)
