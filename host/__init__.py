"""What a process needs of its machine: settings, files, sockets, and its life as a process.

Shared by all roles; knows no role, no job and no message.
"""
