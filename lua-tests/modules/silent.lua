-- A module that returns nothing: require gives true.
silent_was_here = true
