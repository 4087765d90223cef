-- Small classic programs, for a mix of everything.

-- sieve
local function primes(n)
  local c, out = {}, {}
  for i = 2, n do
    if not c[i] then out[#out + 1] = i; for j = i * i, n, i do c[j] = true end end
  end
  return out
end
local p = primes(200)
assert(#p == 46 and p[46] == 199)

-- eight queens: number of solutions for six
local function queens(n)
  local sol, cols, d1, d2 = 0, {}, {}, {}
  local function place(r)
    if r > n then sol = sol + 1; return end
    for c = 1, n do
      if not cols[c] and not d1[r + c] and not d2[r - c] then
        cols[c], d1[r + c], d2[r - c] = true, true, true
        place(r + 1)
        cols[c], d1[r + c], d2[r - c] = nil, nil, nil
      end
    end
  end
  place(1)
  return sol
end
assert(queens(6) == 4)

-- towers of hanoi
local moves = 0
local function hanoi(n, a, b, c) if n > 0 then hanoi(n - 1, a, c, b); moves = moves + 1; hanoi(n - 1, c, b, a) end end
hanoi(7, 'a', 'b', 'c')
assert(moves == 127)

-- quicksort and heapsort agree
local function qsort(t, lo, hi)
  if lo < hi then
    local piv, i = t[hi], lo
    for j = lo, hi - 1 do if t[j] < piv then t[i], t[j] = t[j], t[i]; i = i + 1 end end
    t[i], t[hi] = t[hi], t[i]
    qsort(t, lo, i - 1); qsort(t, i + 1, hi)
  end
  return t
end
local function heapsort(t)
  local n = #t
  local function sift(i, m)
    while 2 * i <= m do
      local c = 2 * i
      if c < m and t[c + 1] > t[c] then c = c + 1 end
      if t[i] >= t[c] then return end
      t[i], t[c] = t[c], t[i]
      i = c
    end
  end
  for i = n // 2, 1, -1 do sift(i, n) end
  for m = n, 2, -1 do t[1], t[m] = t[m], t[1]; sift(1, m - 1) end
  return t
end
local a, b, x = {}, {}, 42
for i = 1, 80 do x = (x * 69069 + 1) & 0xffffffff; a[i] = x % 500; b[i] = a[i] end
qsort(a, 1, #a); heapsort(b)
assert(table.concat(a, ' ') == table.concat(b, ' '))

-- longest common subsequence
local function lcs(s, t)
  local m = {}
  for i = 0, #s do m[i] = {}; for j = 0, #t do
    m[i][j] = (i == 0 or j == 0) and 0 or s:byte(i) == t:byte(j) and m[i - 1][j - 1] + 1 or math.max(m[i - 1][j], m[i][j - 1])
  end end
  return m[#s][#t]
end
assert(lcs('nematode knowledge', 'empty bottle') == 7)

-- big numbers: 30!
local function mul(d, k) local carry = 0; for i = 1, #d do local v = d[i] * k + carry; d[i] = v % 10; carry = v // 10 end
  while carry > 0 do d[#d + 1] = carry % 10; carry = carry // 10 end end
local d = { 1 }
for k = 2, 30 do mul(d, k) end
assert(table.concat(d):reverse() == '265252859812191058636308480000000')

-- an expression calculator by recursive descent
local function calc(s)
  local pos = 1
  local expr
  local function peek() pos = s:find('%S', pos) or #s + 1; return s:sub(pos, pos) end
  local function atom()
    if peek() == '(' then pos = pos + 1; local v = expr(); assert(peek() == ')'); pos = pos + 1; return v end
    if peek() == '-' then pos = pos + 1; return -atom() end
    local n = s:match('^%d+', pos)
    pos = pos + #n
    return tonumber(n)
  end
  local function term() local v = atom(); while peek():find '[*/]' do local o = s:sub(pos, pos); pos = pos + 1; local w = atom(); v = o == '*' and v * w or v // w end return v end
  function expr() local v = term(); while peek():find '[+-]' do local o = s:sub(pos, pos); pos = pos + 1; local w = term(); v = o == '+' and v + w or v - w end return v end
  return expr()
end
assert(calc '1 + 2 * (3 - -4) / 2 - 5' == 3 and calc '((((7))))' == 7 and calc '2*3*4-5*6' == -6)
