-- Schema 5: content is quarantined for the engine that it killed, and for a time.

-- Of what was quarantined before nobody knows the engine: it is tried once more.
ALTER TABLE quarantine ADD COLUMN engine TEXT NOT NULL DEFAULT '';
ALTER TABLE quarantine ADD COLUMN at REAL NOT NULL DEFAULT 0;
