"""One module at a time, without sockets, clocks or sleep."""
