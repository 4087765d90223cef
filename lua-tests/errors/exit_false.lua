-- os.exit(false) is status 1.
-- test: status=1

pcall(function() os.exit(false) end)
print 'never'
