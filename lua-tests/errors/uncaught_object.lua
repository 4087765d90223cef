-- An uncaught error object with __tostring is shown by it.
-- test: status=1
-- test: stderr=shown by tostring

error(setmetatable({}, { __tostring = function() return 'shown by tostring' end }))
