-- Schema 4: deliveries of events to receivers (webhooks), and the endpoints whose attempts fail.
-- An installation that nobody asked for a delivery has no row in either.

CREATE TABLE pixmill.deliveries (  -- the columns of jobs.deliveries.DeliveryRow, in its order
    seq        bigint PRIMARY KEY,
    id         text COLLATE "C" NOT NULL,
    tenant     text COLLATE "C" NOT NULL,
    job        text COLLATE "C",
    batch      text COLLATE "C",
    lane       text COLLATE "C" NOT NULL,
    url        text COLLATE "C" NOT NULL,
    type       text COLLATE "C" NOT NULL,
    body       bytea NOT NULL,
    change     bigint NOT NULL,
    created_at double precision NOT NULL,
    attempts   bigint NOT NULL,
    tries      bigint NOT NULL,
    due_at     double precision,
    state      text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed', 'stopped')),
    status     bigint NOT NULL,
    error      text COLLATE "C" NOT NULL,
    answer     text COLLATE "C" NOT NULL,
    ended_at   double precision,
    kept       bigint NOT NULL
);

CREATE INDEX deliveries_due ON pixmill.deliveries (lane, due_at, seq) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_tenant ON pixmill.deliveries (tenant, seq);
CREATE INDEX deliveries_by_job ON pixmill.deliveries (job, seq) WHERE job IS NOT NULL;
CREATE INDEX deliveries_by_end ON pixmill.deliveries (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE pixmill.endpoints (  -- the fields of jobs.deliveries.Endpoint
    lane          text COLLATE "C" PRIMARY KEY,
    failing_since double precision NOT NULL,
    paused_at     double precision
);
