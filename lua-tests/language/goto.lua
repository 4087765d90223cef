-- goto and labels.

-- continue
local t = {}
for i = 1, 6 do
  if i % 3 == 0 then goto continue end
  t[#t + 1] = i
  ::continue::
end
assert(table.concat(t) == '1245')

-- a loop by hand
do
  local i = 0
  ::again::
  i = i + 1
  if i < 10 then goto again end
  assert(i == 10)
end

-- leaving nested loops
local hit
for a = 1, 5 do
  for b = 1, 5 do
    if a * b == 12 then hit = a .. 'x' .. b; goto found end
  end
end
::found::
assert(hit == '3x4')

-- labels with the same name in sibling and nested functions
do goto l1; ::l1:: end
do goto l1; ::l1:: end
local function f() goto l1; do error('x') end ::l1:: return function() goto l1; ::l1:: return 'in' end end
assert(f()() == 'in')

-- a label at the end of a block lies outside the scope of its locals
do
  goto done
  local x = 5
  error(x)
  ::done::
end

-- jumping backwards makes fresh locals
do
  local fs = {}
  local i = 1
  ::loop::
  local v = i
  fs[i] = function() v = v + 1; return v end
  i = i + 1
  if i <= 3 then goto loop end
  assert(fs[1]() == 2 and fs[1]() == 3 and fs[2]() == 3 and fs[3]() == 4)
end

-- jumping out of a block closes the upvalues of the block
do
  local got = {}
  local n = 0
  ::top::
  do
    local k = n
    got[#got + 1] = function() return k end
    n = n + 1
    if n < 4 then goto top end
  end
  for i = 1, 4 do assert(got[i]() == i - 1) end
end

-- a small state machine
local function machine(s)
  local i, out = 0, {}
  ::a::
  i = i + 1
  local ch = s:sub(i, i)
  if ch == '' then goto stop end
  if ch == 'x' then goto b end
  out[#out + 1] = ch
  goto a
  ::b::
  out[#out + 1] = '[x]'
  goto a
  ::stop::
  do return table.concat(out) end
end
assert(machine 'axbxx' == 'a[x]b[x][x]')

-- goto is only a keyword where it is used as such
local ok = load 'local goto = 1'
assert(not ok)

-- errors
local function bad(code, msg)
  local fn, e = load(code, '=g')
  assert(fn == nil and e == msg, e)
end
bad('goto nowhere', "g:1: no visible label 'nowhere' for <goto> at line 1")
bad('do ::x:: end goto x', "g:1: no visible label 'x' for <goto> at line 1")
bad('::x:: ::x::', "g:1: label 'x' already defined on line 1")
bad('::x:: do ::x:: end', "g:1: label 'x' already defined on line 1")
bad('goto x; local a; ::x:: print(a)', "g:1: <goto x> at line 1 jumps into the scope of local 'a'")
bad('goto x; do ::x:: end', "g:1: no visible label 'x' for <goto> at line 1")
