-- os.exit(true, true) closes the state: finalizers and pending variables run; the status is 0.

kept = setmetatable({}, { __gc = function() print 'kept until the end' end })
print 'leaving'
os.exit(true, true)
