-- Schema 6: a name of its own for each ledger, by which it marks a bucket.

ALTER TABLE meta ADD COLUMN identity TEXT NOT NULL DEFAULT '';
UPDATE meta SET identity = lower(hex(randomblob(8)));
