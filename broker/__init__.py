"""The broker: the one owner of job state. It never opens an image and never speaks HTTP."""
