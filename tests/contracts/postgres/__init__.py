"""What the PostgreSQL ledger promises beyond the contract: its term, its faults, its statements and its schema."""
