-- lz: LZ77 with a table of positions, and its way back, in plain Lua on strings. arg[1] = rounds.
local N = (arg and arg[1] or 110) + 0

local function compress(s)
  local out, last, i, n = {}, {}, 1, #s
  while i <= n do
    local key = s:sub(i, i + 2)
    local from = last[key]
    last[key] = i
    if from and #key == 3 and i - from < 4096 then
      local len = 3
      while len < 255 and i + len <= n and s:byte(from + len) == s:byte(i + len) do len = len + 1 end
      out[#out + 1] = "\1" .. string.char((i - from) >> 8, (i - from) & 255, len)
      i = i + len
    else
      out[#out + 1] = "\0" .. s:sub(i, i)
      i = i + 1
    end
  end
  return table.concat(out)
end
local function expand(z)
  local bytes, i = {}, 1
  while i <= #z do
    if z:byte(i) == 0 then
      bytes[#bytes + 1] = z:byte(i + 1)
      i = i + 2
    else
      local high, low, len = z:byte(i + 1, i + 3)
      local from = #bytes - (high << 8 | low)
      for k = 1, len do bytes[#bytes + 1] = bytes[from + k] end
      i = i + 4
    end
  end
  local parts = {}
  for k = 1, #bytes, 200 do parts[#parts + 1] = string.char(table.unpack(bytes, k, math.min(k + 199, #bytes))) end
  return table.concat(parts)
end

local words, seed, text = { "alpha", "beta", "gamma", "delta", " ", ", ", ".\n", "epsilon", "zeta" }, 1, {}
for i = 1, 8000 do
  seed = (seed * 16807) % 2147483647
  text[i] = words[seed % #words + 1]
end
text = table.concat(text)
local size = 0
for _ = 1, N do
  local z = compress(text)
  size = #z
  if expand(z) ~= text then error("not the same") end
end
print("lz", N, #text, size)
