"""All that is stored: the ledger of jobs, the blobs, the cache of results. Each store is a Protocol with one contract
suite (tests/contracts), which the real store and its memory fake both pass."""
