"""Shows that an upload of many files is done once, whatever happens to it."""
