-- An uncaught error: message and traceback on stderr, status 1.
-- test: status=1
-- test: stderr=nobody catches this

print 'before'
local function fails() error 'nobody catches this' end
local function caller() fails() return 1 end
caller()
print 'never'
