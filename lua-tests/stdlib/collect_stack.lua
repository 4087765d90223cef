-- A whole collection gives back what a stack has grown by and does not use any more. (The reference's collector shrinks stacks, too.)
local function deep(n)
  if n == 0 then return 0 end
  local a, b, c = deep(n - 1), n, n
  return a + (b - c) + 1
end
local function shallow(...)
  local count = collectgarbage 'count'
  collectgarbage()
  -- What is in use is where it was: arguments, variables, what is open, what is pending.
  local sum = 0
  for _, v in ipairs { ... } do sum = sum + v end
  return count - collectgarbage 'count', sum
end
local x = 1
local function add() x = x + 1 end
assert(deep(20000) == 20000)
local closed = 0
do
  local guard <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
  local freed, sum = shallow(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
  assert(sum == 55)
  -- In a process that is frozen or moved meanwhile the stack is small already.
  assert(freed > 400 or freed < 100, freed)
  add()
  x = x + 1
end
assert(closed == 1 and x == 3)
-- In a coroutine, and again, from where it was made small.
local co = coroutine.wrap(function(...)
  local function inner() x = x * 2 end
  for i = 1, 3 do
    assert(deep(1000 * i) == 1000 * i)
    collectgarbage()
    inner()
    local got = { coroutine.yield(i, ...) }
    assert(#got == 2 and got[1] == 'a' and got[2] == i)
  end
  return 'done'
end)
assert(select('#', co(1, nil, 3)) == 4)
local i, a, b, c = co('a', 1)
assert(i == 2 and a == 1 and b == nil and c == 3)
co('a', 2)
assert(co('a', 3) == 'done' and x == 24)
-- With so many frames that they are not looked through.
local function at_depth(n)
  if n > 0 then return (at_depth(n - 1)) end
  assert(deep(5000) == 5000)
  collectgarbage()
  return x
end
assert(at_depth(100) == 24 and at_depth(62) == 24)
