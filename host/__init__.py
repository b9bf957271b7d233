"""The things that a process needs of its machine: settings, files, sockets, signals and readiness.

Shared by all roles; knows no role, no job and no message.
"""
