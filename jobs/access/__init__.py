"""Texts that are signed, and what they allow: API keys and sessions, grants, receipts."""
