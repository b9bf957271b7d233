"""What a process needs of its machine: environment, folders and locks, log, life with its parent.

Shared by all roles; knows none of them, no job and no message.
"""
