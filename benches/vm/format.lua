-- format: string.format, tostring, tonumber, string.byte, char, sub, upper, reverse, rep. arg[1] = rounds.
local N = (arg and arg[1] or 270000) + 0

local format, byte, char, sub = string.format, string.byte, string.char, string.sub
local sum = 0
for i = 1, N do
  local a = format("%d %s %5.2f", i, "name", i / 7)
  local b = format("%08x|%-8s|%3d|%q", i, "ab", i % 100, "q\"")
  local c = tostring(i) .. tostring(i * 0.5)
  sum = (sum + #a + #b + #c + byte(a, 1) + tonumber(sub(b, 1, 8), 16)) % 1000003
  local d = sub(a, 2, 5):upper():reverse() .. char(65 + i % 26, 97 + i % 26)
  sum = (sum + #d + byte(d, -1) + tonumber(tostring(i % 1000))) % 1000003
end
print("format", N, sum)
