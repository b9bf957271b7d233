"""The Python client of pixmill and its command. Speaks HTTP only and imports nothing else of this repository."""
