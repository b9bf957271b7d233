"""The deliveries in a ledger: statements for both kinds of database, the reads that they share, and the memory fake."""
