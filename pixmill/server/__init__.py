"""Starts the server of this installation, in processes of its own. Imports no role."""
