-- test: processes
-- The main chunk ends without having entered the scheduler: one line on stderr names concurrent.loop().
-- test: stderr=concurrent.loop()
local concurrent = require 'concurrent'
concurrent.spawn(function() print('never') end)
print('end of main chunk')
