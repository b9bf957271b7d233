"""Turns HTTP into blobs and jobs, and jobs back into HTTP. Owns no job state and decodes no pixels."""
