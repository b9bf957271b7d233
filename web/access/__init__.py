"""The caller of a request and their rights, and the object that a handler gets."""
