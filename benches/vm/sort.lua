-- table.sort, by the built-in order and by functions, of numbers and of strings.

local n = tonumber(arg and arg[1]) or 200000

local state = 42
local function random()
  state = (state * 1103515245 + 12345) % 2147483648
  return state
end

local function sorted(t, less)
  for i = 2, #t do
    if less(t[i], t[i - 1]) then return false end
  end
  return true
end

local numbers, copies, words = {}, {}, {}
for i = 1, n do
  numbers[i] = random()
  copies[i] = numbers[i]
  words[i] = string.format('%08x', random())
end

local function greater(a, b) return a > b end
table.sort(numbers)
table.sort(copies, greater)
table.sort(words)
assert(sorted(numbers, function(a, b) return a < b end) and sorted(copies, greater))
assert(sorted(words, function(a, b) return a < b end))
print(string.format('least %d, greatest %d, first word %s', numbers[1], copies[1], words[1]))
