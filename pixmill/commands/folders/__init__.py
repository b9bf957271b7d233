"""The files of an upload: which are meant, and which come into a watched folder."""
