-- Integers in arrays: the most flips of pancakes over all permutations.

local n = tonumber(arg and arg[1]) or 9

local perm, work, count = {}, {}, {}
for i = 1, n do perm[i], count[i] = i, 0 end

local most, checksum, even = 0, 0, true

local function flips()
  for i = 1, n do work[i] = perm[i] end
  local done = 0
  local first = work[1]
  while first ~= 1 do
    local i, j = 1, first
    while i < j do
      work[i], work[j] = work[j], work[i]
      i, j = i + 1, j - 1
    end
    done = done + 1
    first = work[1]
  end
  return done
end

-- Next permutation: rotate the first k, where k is the first counter that is not used up.
local function advance()
  for k = 2, n do
    local first = perm[1]
    for i = 1, k - 1 do perm[i] = perm[i + 1] end
    perm[k] = first
    count[k] = count[k] + 1
    if count[k] < k then return true end
    count[k] = 0
  end
  return false
end

repeat
  local f = flips()
  if f > most then most = f end
  checksum = even and checksum + f or checksum - f
  even = not even
until not advance()
print(string.format('%d flips of %d, checksum %d', most, n, checksum))
