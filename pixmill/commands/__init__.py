"""The words of the `pixmill` command: options, what is printed, and what an upload of many files remembers."""
