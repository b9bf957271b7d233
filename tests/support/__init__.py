"""Shared by the tests: clusters, harnesses, pictures, and the rules of the tree."""
