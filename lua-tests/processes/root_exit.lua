-- test: processes
-- os.exit ends the whole program with its status, whatever the processes do.
-- test: status=7
local concurrent = require 'concurrent'
concurrent.spawn(function() while true do end end)
concurrent.sleep(1)
io.write('leaving\n')
os.exit(7)
