-- Long results become strings piece by piece: the same ones, with all their results.
local s = ('0123456789'):rep(28000)
local function check(...)
  local got, count, more = ...
  assert(more == nil and #got == #s + 1 and got:sub(1, 20) == s:sub(1, 20) and got:sub(-11) == '0123456789.')
  return select('#', ...), count
end
assert(check(string.format('%s.', s)) == 1)
assert(check(table.concat { s, '.' }) == 1)
assert(check(string.pack('c' .. #s .. 'c1', s, '.')) == 1)
local n, count = check((s .. '!'):gsub('!', '.'))
assert(n == 2 and count == 1)
n, count = check((s .. '!'):gsub('%D', function() return '.' end))
assert(n == 2 and count == 1)
local ok, message = pcall(error, s .. '.', 0)
assert(not ok and check(message) == 1)
