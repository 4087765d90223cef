-- Warnings: off and on, pieces, control messages.
-- test: stderr=Lua warning: one piece
-- test: stderr=Lua warning: three pieces 42
-- test: stderr=Lua warning: @not control

warn 'before it is on'
warn '@on'
assert(select('#', warn 'one piece') == 0)
warn('three ', 'pieces ', 42)
warn '@unknown'                                    -- control messages that nobody knows are ignored
warn('@not ', 'control')                           -- a message of several pieces is none
warn '@off'
warn 'after it is off'
