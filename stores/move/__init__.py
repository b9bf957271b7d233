"""Moves a ledger, or all blobs, from one store to another: resumable, and verified by digests."""
