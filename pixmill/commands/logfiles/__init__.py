"""The log of a server, as its files have it: lines are read, filtered, merged and shown."""
