-- Schema 2: a name of its own for each ledger, by which it marks a bucket.

ALTER TABLE pixmill.meta ADD COLUMN identity text COLLATE "C" NOT NULL DEFAULT '';
UPDATE pixmill.meta SET identity = left(md5(random()::text || clock_timestamp()::text), 16);
