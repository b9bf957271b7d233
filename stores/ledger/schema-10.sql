-- Schema 10: who is told of a batch's end, and until when jobs may join it.

ALTER TABLE batches ADD COLUMN open_until REAL;
ALTER TABLE batches ADD COLUMN hooks BLOB;

CREATE INDEX batches_open ON batches (open_until, id) WHERE ended_at IS NULL AND open_until IS NOT NULL;
