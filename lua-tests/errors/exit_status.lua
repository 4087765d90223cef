-- os.exit gives the status of the program.
-- test: status=3

io.write 'written before the exit\n'
local c <close> = setmetatable({}, { __close = function() print 'not closed by os.exit(3)' end })
os.exit(3)
