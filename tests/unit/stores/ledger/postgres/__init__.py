"""Unit tests of stores/ledger/postgres."""
