-- Schema 8: the tenants whose jobs wait, because an operator paused them.

CREATE TABLE pixmill.paused (
    tenant text COLLATE "C" PRIMARY KEY
);
