-- From inside the replacement function of a gsub, its captures, the anchors, and gmatch beside it.
for round = 1, 5 do
  local text, n = string.gsub('one two three four', '(%a)(%a*)', function(first, rest)
    local inner = string.gsub(rest, '.', function(c) return c == 'e' and '3' or nil end)
    return first:upper() .. inner
  end)
  assert(text == 'On3 Two Thr33 Four' and n == 4)
  local seen = {}
  local out = ('a=1, b=22, c'):gsub('(%w+)(=?)(%w*)', function(k, eq, v)
    seen[#seen + 1] = k .. eq .. v
    if v == '22' then return false end
    return '<' .. k .. '>'
  end)
  assert(out == '<a>, b=22, <c>' and table.concat(seen, ';') == 'a=1;b=22;c')
  assert(('abc'):gsub('', function() return '-' end) == '-a-b-c-')
  assert(('xyx'):gsub('x', setmetatable({}, { __index = function(_, k) return k .. k end })) == 'xxyxx')
  local words = {}
  for at, word in ('to be or not'):gmatch '()(%a+)' do words[#words + 1] = at .. word end
  assert(table.concat(words, ' ') == '1to 4be 7or 10not')
  assert(select(2, pcall(string.gsub, 'x', '.', function() error('stop', 0) end)) == 'stop')
end
