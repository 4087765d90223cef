-- utf8, dates, files, loading and debug on long inputs, with turns of others in between.
local n = 6000
-- utf8
local text = ('aé€😀'):rep(n // 4)
assert(utf8.len(text) == n and utf8.len(text, 1, -1, true) == n)
assert(select(2, utf8.len(text .. '\xff')) == #text + 1)
local codes = { utf8.codepoint(text, 1, -1) }
assert(#codes == n and codes[2] == 0xe9 and codes[n] == 0x1f600)
assert(utf8.char(table.unpack(codes)) == text)
local count = 0
for p, c in utf8.codes(text) do
  count = count + 1
  assert(c == codes[count])
end
assert(count == n)
assert(utf8.offset(text, n) == #text - 3 and utf8.offset(text, -1) == #text - 3)
assert(utf8.offset(text, n + 1) == #text + 1 and utf8.offset(text, n + 2) == nil)
assert(utf8.offset(text, -n) == 1 and utf8.offset(text, -n - 1) == nil)
local broken = 'x' .. ('\x80'):rep(n)
assert(utf8.offset(broken, 0, -1) == 1 and utf8.offset(broken, 2) == #broken + 1)
local ok, message = pcall(function() for _ in utf8.codes(broken) do end end)
assert(not ok and message:find('invalid UTF-8 code', 1, true), message)
codes[n // 2] = -1
ok, message = pcall(utf8.char, table.unpack(codes))
assert(not ok and message:find('value out of range', 1, true), message)
-- dates
assert(os.date('!' .. ('%Y-%m-%d %H:%M:%S;'):rep(2000), 0) == ('1970-01-01 00:00:00;'):rep(2000))
assert(os.date('!' .. ('x'):rep(n) .. '%%', 0) == ('x'):rep(n) .. '%')
ok, message = pcall(os.date, ('%Y'):rep(2000) .. '%Ez', 0)
assert(not ok and message:find("invalid conversion specifier '%Ez'", 1, true), message)
assert(os.getenv(('x'):rep(n)) == nil and os.getenv(('x'):rep(n) .. '=') == nil)
-- files: many arguments, many formats, long texts
local name = os.tmpname()
local file = assert(io.open(name, 'w'))
local numbers = {}
for i = 1, n do numbers[i] = i end
assert(file:write(table.unpack(numbers)) == file)
assert(file:write('\n', ('y'):rep(100000), '\n') == file)
ok, message = pcall(file.write, file, 'last', {}, 'never')
assert(not ok and message:find('string expected, got table', 1, true), message)
file:close()
local all = table.concat(numbers) .. '\n' .. ('y'):rep(100000) .. '\nlast'
file = assert(io.open(name))
assert(file:read('a') == all)
file:seek('set')
local ones = {}
for i = 1, 5000 do ones[i] = 1 end
local letters = table.pack(file:read(table.unpack(ones)))
assert(letters.n == 5000 and table.concat(letters) == all:sub(1, 5000))
assert(file:read('l') == table.concat(numbers):sub(5001) and file:read('L') == ('y'):rep(100000) .. '\n')
local at_end = table.pack(file:read(table.unpack(ones)))
assert(at_end.n == 5 and at_end[5] == nil and table.concat(at_end, '', 1, 4) == 'last')
file:close()
local old = io.input()
io.input(name)
letters = table.pack(io.read(table.unpack(ones)))
assert(letters.n == 5000 and table.concat(letters) == all:sub(1, 5000))
io.close(io.input())
io.input(old)
local out = io.output()
io.output(name)
assert(io.write(table.unpack(numbers)) == io.output())
io.close(io.output())
io.output(out)
for line in io.lines(name, 'a') do
  assert(line == table.concat(numbers))
  break
end
os.remove(name)
-- loading
local source = {}
for i = 1, 1500 do source[i] = ('x%d = %d'):format(i, i) end
local code, env = table.concat(source, '\n'), {}
assert(load(code, 'code', 't', env))()
assert(env.x1 == 1 and env.x1500 == 1500)
ok, message = load(code .. '\nx = = 1')
assert(not ok and message:find(':1501: unexpected symbol near', 1, true), message)
local i = 0
env = {}
load(function() i = i + 1 return source[i] and source[i] .. '\n' end, 'pieces', 't', env)()
assert(env.x1500 == 1500)
local f = assert(load(code))
local again = {}
assert(load(string.dump(f, true), 'dumped', 'b', again))()
assert(again.x1500 == 1500)
-- debug
local lines = debug.getinfo(f, 'L').activelines
count = 0
for line in pairs(lines) do count = count + 1 end
assert(count == 1500 and lines[1500])
assert(debug.getinfo(1, ('S'):rep(n)).what == 'main')
ok, message = pcall(debug.getinfo, 1, ('S'):rep(n) .. 'X')
assert(not ok and message:find('invalid option', 1, true))
-- print and errors with long texts and many arguments
assert(select('#', pcall(error, ('e'):rep(n))) == 2)
ok, message = pcall(error, ('e'):rep(n), 0)
assert(message == ('e'):rep(n))
assert(#select(2, pcall(assert, false, ('e'):rep(n))) >= n)
