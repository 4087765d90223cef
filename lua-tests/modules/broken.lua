-- A module that fails while it is loaded.
error('broken on purpose', 0)
