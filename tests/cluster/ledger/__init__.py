"""Clusters whose ledger is on a server."""
