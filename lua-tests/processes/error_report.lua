-- test: processes
-- An uncaught error is reported on stderr with pid and message; other processes and the root go on.
-- test: stderr=something went wrong
local concurrent = require 'concurrent'

concurrent.spawn(function()
  local function inner() error('something went wrong') end
  inner()
end)
concurrent.loop()
print('root goes on')
