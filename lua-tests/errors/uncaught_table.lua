-- An uncaught error object that cannot be shown.
-- test: status=1
-- test: stderr=(error object is a table value)

error({})
