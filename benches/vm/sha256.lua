-- sha256: the hash in plain Lua, bit operations and string.unpack-free byte access. arg[1] = blocks.
local N = (arg and arg[1] or 26000) + 0

local K = {}
do
  local primes, n = {}, 2
  while #primes < 64 do
    local is_prime = true
    for _, p in ipairs(primes) do if n % p == 0 then is_prime = false break end end
    if is_prime then primes[#primes + 1] = n end
    n = n + 1
  end
  for i, p in ipairs(primes) do
    local root = p ^ (1 / 3)
    K[i] = math.floor((root - math.floor(root)) * 4294967296)
  end
end
local function rotr(x, n) return ((x >> n) | (x << (32 - n))) & 0xffffffff end
local function block(h, text, at, w)
  for i = 1, 16 do
    local a, b, c, d = text:byte(at, at + 3)
    w[i] = a << 24 | b << 16 | c << 8 | d
    at = at + 4
  end
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    local s0 = rotr(x, 7) ~ rotr(x, 18) ~ (x >> 3)
    local s1 = rotr(y, 17) ~ rotr(y, 19) ~ (y >> 10)
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) & 0xffffffff
  end
  local a, b, c, d, e, f, g, hh = h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8]
  for i = 1, 64 do
    local s1 = rotr(e, 6) ~ rotr(e, 11) ~ rotr(e, 25)
    local ch = (e & f) ~ (~e & g)
    local t1 = hh + s1 + ch + K[i] + w[i]
    local s0 = rotr(a, 2) ~ rotr(a, 13) ~ rotr(a, 22)
    local maj = (a & b) ~ (a & c) ~ (b & c)
    hh, g, f, e = g, f, e, (d + t1) & 0xffffffff
    d, c, b, a = c, b, a, (t1 + s0 + maj) & 0xffffffff
  end
  h[1], h[2], h[3], h[4] = (h[1] + a) & 0xffffffff, (h[2] + b) & 0xffffffff, (h[3] + c) & 0xffffffff, (h[4] + d) & 0xffffffff
  h[5], h[6], h[7], h[8] = (h[5] + e) & 0xffffffff, (h[6] + f) & 0xffffffff, (h[7] + g) & 0xffffffff, (h[8] + hh) & 0xffffffff
end
local h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 }
local text, w = ("0123456789abcdef"):rep(64), {}
for i = 1, N do block(h, text, i % 16 * 64 + 1, w) end
print("sha256", N, string.format("%08x%08x%08x%08x%08x%08x%08x%08x", table.unpack(h)))
