"""Unit tests of stores/ledger/."""
