-- An uncaught error shows a traceback.
-- test: status=1
-- test: stderr=stack traceback:

local t = {}
print(t.missing.field)
