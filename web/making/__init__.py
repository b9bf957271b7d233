"""Jobs that are made without an upload, and batches that are opened by themselves."""
