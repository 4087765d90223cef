-- io.popen and os.execute: commands of the shell, and how they end.

-- reading what a command writes
local p = assert(io.popen 'echo one; echo two')
assert(io.type(p) == 'file' and tostring(p):match '^file %(')
assert(p:read() == 'one' and p:read 'L' == 'two\n' and p:read() == nil)
local ok, how, code = p:close()
assert(ok == true and how == 'exit' and code == 0 and io.type(p) == 'closed file')
p = io.popen('printf "1 2 3"', 'r')
assert(p:read('n', 'n', 'n') == 1 and p:read 'a' == '')
assert(p:close())
local t = {}
for l in io.popen('echo a; echo b'):lines() do t[#t + 1] = l end
assert(table.concat(t) == 'ab')

-- how it ended
p = io.popen 'exit 3'
ok, how, code = p:close()
assert(ok == nil and how == 'exit' and code == 3)
ok, how, code = io.popen 'kill -9 $$':close()
assert(ok == nil and how == 'signal' and code == 9)
ok, how, code = io.close(io.popen 'false')
assert(ok == nil and how == 'exit' and code == 1)
ok, how, code = io.popen './no/such/command 2>/dev/null':close()
assert(ok == nil and how == 'exit' and code == 127)

-- writing to a command
local name = os.tmpname()
p = assert(io.popen("cat > '" .. name .. "'", 'w'))
assert(p:write('written ', 42, '\n') == p and p:flush() == true and p:setvbuf 'full')
ok, how, code = p:close()
assert(ok == true and how == 'exit' and code == 0)
local f = assert(io.open(name))
assert(f:read 'a' == 'written 42\n')
f:close()
assert(os.remove(name))

-- <close> waits for the command too
local keep
do
  local c <close> = io.popen 'echo closing'
  keep = c
  assert(c:read() == 'closing')
end
assert(io.type(keep) == 'closed file')

-- a pipe cannot seek
p = io.popen 'echo x'
local r, message = p:seek 'set'
assert(r == nil and message == 'Illegal seek')
p:close()

-- execute: without a command, is there a shell?
assert(os.execute() == true and os.execute(nil) == true)
ok, how, code = os.execute 'true'
assert(ok == true and how == 'exit' and code == 0)
ok, how, code = os.execute 'exit 7'
assert(ok == nil and how == 'exit' and code == 7)
ok, how, code = os.execute 'kill -15 $$'
assert(ok == nil and how == 'signal' and code == 15)
ok, how, code = os.execute './no/such/command 2>/dev/null'
assert(ok == nil and how == 'exit' and code == 127)
assert(select('#', os.execute 'true') == 3 and select('#', os.execute()) == 1)

-- both see the environment
p = io.popen 'echo "$PATH"'
assert(p:read() == os.getenv 'PATH')
p:close()
