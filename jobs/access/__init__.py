"""Signed texts and the rights that they give: API keys, sessions, grants, receipts."""
