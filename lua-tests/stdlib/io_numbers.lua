-- io: reading numbers.

local name = os.tmpname()
local function read(text, ...)
  local f = assert(io.open(name, 'w+'))
  f:write(text)
  f:seek 'set'
  local r = table.pack(f:read(...))
  r.rest = f:read 'a'
  f:close()
  return r
end

local function one(text) local r = read(text, 'n'); return r[1], r.rest end
local function check(text, value, rest)
  local v, r = one(text)
  assert(v == value and math.type(v) == math.type(value) and r == rest, text .. ' ' .. tostring(v) .. ' ' .. r)
end
check('10', 10, '')
check('  \n\t -7 x', -7, ' x')
check('+5', 5, '')
check('3.25rest', 3.25, 'rest')
check('.5', 0.5, '')
check('5.', 5.0, '')
check('1e3', 1000.0, '')
check('1E-2,', 0.01, ',')
check('0x1F;', 31, ';')
check('0xA.8p1', 21.0, '')
check('0X10', 16, '')
check('9223372036854775807', math.maxinteger, '')
check('9223372036854775808', 2 ^ 63, '')
check('1 2', 1, ' 2')
check('12abc', 12, 'abc')
check('007', 7, '')

-- failures read what could belong to a numeral
check('abc', nil, 'abc')
check('', nil, '')
check('-', nil, '')
check('1e', nil, '')
check('0x', nil, '')
check('.', nil, '')
check('--1', nil, '-1')
check('1.2.3', 1.2, '.3')

-- a failure ends the list of formats
local r = read('1 x 2', 'n', 'n', 'n')
assert(r.n == 2 and r[1] == 1 and r[2] == nil and r.rest == 'x 2')
r = read('1 2 3\nnext', 'n', 'n', 'n', 'l', 'l')
assert(r.n == 5 and r[1] + r[2] + r[3] == 6 and r[4] == '' and r[5] == 'next')

-- numerals that are too long
r = read(('1'):rep(201), 'n')
assert(r[1] == nil)

-- a sum over a file
local sum = 0
local f = assert(io.open(name, 'w'))
for i = 1, 50 do f:write(i, i % 7 == 0 and '\n' or ' ') end
f:close()
for n in io.lines(name, 'n') do sum = sum + n end
assert(sum == 1275)
assert(os.remove(name))
