"""The keeper: sockets, deadlines, files and decisions of a worker. It never touches a pixel."""
