-- One variable of several closures stays one, open and closed, and each turn of a loop has its own.
for round = 1, 10 do
  local n = 0
  local function add() n = n + 1 return n end
  local function get() return n end
  local function deeper() return function() n = n + 10 return n end end
  local deep = deeper()
  add() n = n + 1
  assert(get() == 2 and deep() == 12 and n == 12)
  local made = {}
  for i = 1, 5 do
    local own = i
    made[i] = { set = function(v) own = v end, get = function() return own + i end }
  end
  made[2].set(100)
  for i = 1, 5 do assert(made[i].get() == (i == 2 and 102 or 2 * i)) end
  local function make()
    local hidden = round
    return function(v) hidden = v or hidden return hidden end, function() return hidden end
  end
  local set, read = make()
  set(7)
  assert(read() == 7 and debug.upvalueid(set, 1) == debug.upvalueid(read, 1))
  add()
  assert(n == 13 and get() == 13)
end
