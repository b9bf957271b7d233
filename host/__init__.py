"""What a process needs of its machine: settings, files, sockets, and its life as a process.

Shared by all roles; knows none of them, no job and no message.
"""
