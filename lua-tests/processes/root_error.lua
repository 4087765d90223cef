-- test: processes
-- An uncaught error in the root process: status 1, the message on stderr, the other processes end.
-- test: status=1
-- test: stderr=root failed
local concurrent = require 'concurrent'
concurrent.spawn(function() while true do end end)
concurrent.spawn(function() concurrent.receive() end)
concurrent.sleep(1)
print('before')
error('root failed')
