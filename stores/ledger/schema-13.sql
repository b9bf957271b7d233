-- Schema 13: the trace of the job that a delivery tells of, for the headers of its requests.

ALTER TABLE deliveries ADD COLUMN trace TEXT;  -- as jobs.trace.Trace; NULL: there is none
