-- Allocation and collection: many short-lived trees beside one that lives long.

local depth_max = tonumber(arg and arg[1]) or 14
local DEPTH_MIN = 4

local function grow(depth)
  if depth == 0 then return {} end
  return { grow(depth - 1), grow(depth - 1) }
end

local function count(tree)
  local left = tree[1]
  if not left then return 1 end
  return 1 + count(left) + count(tree[2])
end

local long_lived = grow(depth_max)
local total = count(grow(depth_max + 1))
for depth = DEPTH_MIN, depth_max, 2 do
  local trees = 1 << (depth_max - depth + DEPTH_MIN)
  for _ = 1, trees do total = total + count(grow(depth)) end
end
print(string.format('nodes %d, long-lived %d', total, count(long_lived)))
