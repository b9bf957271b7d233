-- Schema 12: the tenants whose jobs wait, because an operator paused them.

CREATE TABLE paused (
    tenant TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
