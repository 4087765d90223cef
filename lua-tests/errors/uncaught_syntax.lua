-- A script that does not compile: status 1, position and token on stderr.
-- test: status=1
-- test: stderr=uncaught_syntax.lua:7: unexpected symbol near '='

local x = 1

local y = = 2
