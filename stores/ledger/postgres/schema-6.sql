-- Schema 6: who is told of a batch's end, and until when jobs may join it.

ALTER TABLE pixmill.batches ADD COLUMN open_until double precision;
ALTER TABLE pixmill.batches ADD COLUMN hooks bytea;

CREATE INDEX batches_open ON pixmill.batches (open_until, id) WHERE ended_at IS NULL AND open_until IS NOT NULL;
