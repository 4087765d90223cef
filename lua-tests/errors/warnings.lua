-- Warnings: off and on, pieces, control messages.
-- test: stderr=Lua warning: one piece
-- test: stderr=Lua warning: three pieces 42
-- test: stderr=Lua warning: @not control
-- test: stderr=Lua warning: error in __gc (errors/warnings.lua:
-- test: stderr=: in a finalizer)
-- test: stderr=Lua warning: error in __gc (error object is not a string)

warn 'before it is on'
warn '@on'
assert(select('#', warn 'one piece') == 0)
warn('three ', 'pieces ', 42)
warn '@unknown'                                    -- control messages that nobody knows are ignored
warn('@not ', 'control')                           -- a message of several pieces is none
-- an error in a finalizer is a warning
setmetatable({}, { __gc = function() error 'in a finalizer' end })
collectgarbage()
setmetatable({}, { __gc = function() error {} end })
collectgarbage()
warn '@off'
setmetatable({}, { __gc = function() error 'not reported' end })
collectgarbage()
warn 'after it is off'
