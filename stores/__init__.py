"""Where things last: the ledger of jobs, the blobs, the cache of results. Each a Protocol with
one contract suite (tests/contracts) that the real store and its memory fake both pass."""
