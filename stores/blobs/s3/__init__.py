"""Blobs in a bucket of an S3-compatible store. store.py keeps the contract; driver.py alone knows the client library.

Nothing here needs a lock or a condition of the bucket: a name belongs to one job, and equal names have equal bytes.
"""
