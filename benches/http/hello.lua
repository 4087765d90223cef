-- The server that benches/http.py measures: one short answer to whatever is asked.
local server = assert(require('concurrent.http').serve({ port = 0 }, function() return 200, { ['content-type'] = 'text/plain' }, 'hello' end))
print(server.port)
io.stdout:flush()
require('concurrent').receive()
