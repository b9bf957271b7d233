"""The ledger in a PostgreSQL database: the candidate for the term, the one writer, and its statements.

Owns the schema `pixmill` of that database. One connection, no session state: so it works behind any pooler.
"""
