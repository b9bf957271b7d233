-- Schema 9: the trace of the job that a delivery tells of, for the headers of its requests.

ALTER TABLE pixmill.deliveries ADD COLUMN trace text COLLATE "C";
