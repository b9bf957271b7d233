-- Every statement of the PostgreSQL ledger, by name. A parameter is written `:name::type` (statements.py).
--
-- What must hold or nothing is written ends in a division: by zero, the transaction fails. A comment is a line.
--
-- Lists: edge_ is the first seq that a scan of :scan_max rows does not reach, rows_ are those that match
-- on this side of it; newest or oldest accepted first; of everyone, of a tenant, of a reference. Those of a tenant
-- name it as the one element of an array: so the order by tenant and seq stays an order that only the index of these
-- columns has. By `tenant = x` the server may choose the primary key, and pass by all jobs of others; and by a row of
-- values, `(tenant, seq) > (x, y)`, a scan does not end at y, but where the tenant does.

-- name: renew
-- The fence: the first statement of every transaction that writes.
WITH renewed AS (
    UPDATE pixmill.term
    SET turn = turn + 1, backend = pg_backend_pid(), renewed_at = clock_timestamp(),
        until = clock_timestamp() + :seconds::double precision * interval '1 second'
    WHERE epoch = :epoch::bigint AND nonce = :nonce::bytea AND turn = :turn::bigint
    RETURNING 1
)
SELECT 1 / count(*) FROM renewed;

-- name: insert_jobs
INSERT INTO pixmill.jobs ({columns}) SELECT * FROM unnest({row_arrays});

-- name: update_jobs
WITH updated AS (
    UPDATE pixmill.jobs SET {changing}
    FROM unnest(:seq::bigint[], {changing_arrays}) AS new (seq, {changing_columns})
    WHERE jobs.seq = new.seq
    RETURNING 1
)
SELECT 1 / (count(*) = :count::bigint)::int FROM updated;

-- name: remove_jobs
DELETE FROM pixmill.jobs WHERE seq = ANY(:seqs::bigint[]);

-- name: put_purged
INSERT INTO pixmill.purged (job, at) SELECT * FROM unnest(:jobs::text[], :ats::double precision[])
ON CONFLICT (job) DO NOTHING;

-- name: put_keys
INSERT INTO pixmill.keys (key, job, fingerprint, at)
SELECT * FROM unnest(:keys::bytea[], :jobs::text[], :fingerprints::bytea[], :ats::double precision[])
ON CONFLICT (key) DO UPDATE SET job = excluded.job, fingerprint = excluded.fingerprint, at = excluded.at;

-- name: put_grants
INSERT INTO pixmill.grants (name, used, expires_at)
SELECT * FROM unnest(:names::text[], :used::bigint[], :ends::double precision[])
ON CONFLICT (name) DO UPDATE SET used = excluded.used;

-- name: remove_sweeps
DELETE FROM pixmill.sweeps WHERE job = ANY(:jobs::text[]);

-- name: put_sweeps
INSERT INTO pixmill.sweeps (job, names) SELECT * FROM unnest(:jobs::text[], :names::text[])
ON CONFLICT (job) DO UPDATE SET names = excluded.names;

-- name: put_quarantine
INSERT INTO pixmill.quarantine (content, engine, at)
SELECT * FROM unnest(:contents::bytea[], :engines::text[], :ats::double precision[])
ON CONFLICT (content) DO UPDATE SET engine = excluded.engine, at = excluded.at;

-- name: remove_quarantine
DELETE FROM pixmill.quarantine WHERE content = ANY(:contents::bytea[]);

-- name: put_paused
INSERT INTO pixmill.paused (tenant) SELECT * FROM unnest(:tenants::text[]) ON CONFLICT (tenant) DO NOTHING;

-- name: remove_paused
DELETE FROM pixmill.paused WHERE tenant = ANY(:tenants::text[]);

-- name: paused
SELECT tenant FROM pixmill.paused ORDER BY tenant;

-- name: put_tenants
INSERT INTO pixmill.tenants (tenant, queued, running, delayed, done, failed, dead, cancelled)
SELECT * FROM unnest(
    :tenant::text[], :queued::bigint[], :running::bigint[], :delayed::bigint[], :done::bigint[], :failed::bigint[],
    :dead::bigint[], :cancelled::bigint[]
)
ON CONFLICT (tenant) DO UPDATE SET queued = excluded.queued, running = excluded.running, delayed = excluded.delayed,
    done = excluded.done, failed = excluded.failed, dead = excluded.dead, cancelled = excluded.cancelled;

-- name: put_meta
UPDATE pixmill.meta SET change = :change::bigint, paused = :paused::bigint, queued = :queued::bigint,
    running = :running::bigint, delayed = :delayed::bigint, done = :done::bigint, failed = :failed::bigint,
    dead = :dead::bigint, cancelled = :cancelled::bigint;

-- name: meta
SELECT epoch, change, paused, queued, running, delayed, done, failed, dead, cancelled
FROM pixmill.meta CROSS JOIN pixmill.term;

-- name: identity
SELECT identity FROM pixmill.meta;

-- name: put_identity
UPDATE pixmill.meta SET identity = :identity::text;

-- name: last_seq
SELECT coalesce(max(seq), 0) FROM pixmill.jobs;

-- name: running
SELECT {columns} FROM pixmill.jobs WHERE state = 'running' AND state <> 'done';

-- name: delayed
SELECT {columns} FROM pixmill.jobs WHERE state = 'delayed' AND state <> 'done';

-- name: lanes
-- A loose index scan: from each lane one search finds the next, whatever the lanes hold.
WITH RECURSIVE found (priority, lane) AS (
    (
        SELECT priority, lane FROM pixmill.jobs WHERE state = 'queued' AND state <> 'done'
        ORDER BY priority, lane LIMIT 1
    )
    UNION ALL
    SELECT next.priority, next.lane FROM found CROSS JOIN LATERAL (
        SELECT * FROM (
            (
                SELECT priority, lane FROM pixmill.jobs
                WHERE state = 'queued' AND state <> 'done' AND priority = found.priority AND lane > found.lane
                ORDER BY lane LIMIT 1
            )
            UNION ALL
            (
                SELECT priority, lane FROM pixmill.jobs
                WHERE state = 'queued' AND state <> 'done' AND priority > found.priority
                ORDER BY priority, lane LIMIT 1
            )
        ) AS following
        LIMIT 1
    ) AS next
)
SELECT priority, lane FROM found;

-- name: sweeps
SELECT job, names FROM pixmill.sweeps;

-- name: quarantine
SELECT content, engine, at FROM pixmill.quarantine ORDER BY at;

-- name: tenants
SELECT tenant, queued, running, delayed, done, failed, dead, cancelled FROM pixmill.tenants ORDER BY tenant;

-- name: queued
SELECT {columns} FROM pixmill.jobs
WHERE state = 'queued' AND state <> 'done' AND priority = :priority::bigint AND lane = :lane::text
    AND position > :after::bigint
ORDER BY position LIMIT :limit::bigint;

-- name: expiring
SELECT {columns} FROM pixmill.deadlines JOIN pixmill.jobs USING (seq) ORDER BY expires_at LIMIT :limit::bigint;

-- name: existing
SELECT id FROM pixmill.jobs WHERE id = ANY(:ids::text[]);

-- name: purged
SELECT job FROM pixmill.purged WHERE job = ANY(:ids::text[]);

-- name: keys
SELECT key, job, fingerprint, at FROM pixmill.keys
WHERE key = ANY(:keys::bytea[]) AND EXISTS (SELECT 1 FROM pixmill.jobs WHERE jobs.id = keys.job);

-- name: grants
SELECT name, used, expires_at FROM pixmill.grants WHERE name = ANY(:names::text[]);

-- name: commands
-- In the order asked, up to the row with which the bytes pass the room: :room. `passed` includes the row's own.
SELECT place, passed, {columns} FROM (
    SELECT place, jobs.*, octet_length(spec) + octet_length(outcome) AS own,
        sum(octet_length(spec) + octet_length(outcome)) OVER (ORDER BY place)::bigint AS passed
    FROM unnest(:ids::text[]) WITH ORDINALITY AS wanted (wanted_id, place)
    JOIN pixmill.jobs ON jobs.id = wanted_id
) AS found
WHERE passed - own < :room::bigint OR passed = own
ORDER BY place;

-- name: jobs
SELECT {columns} FROM pixmill.jobs WHERE id = ANY(:ids::text[]);

-- name: put_deadlines
INSERT INTO pixmill.deadlines (seq, expires_at) SELECT * FROM unnest(:seqs::bigint[], :ends::double precision[])
ON CONFLICT (seq) DO NOTHING;

-- name: remove_deadlines
DELETE FROM pixmill.deadlines WHERE seq = ANY(:seqs::bigint[]);

-- name: entries_deadlines
SELECT seq, expires_at FROM pixmill.deadlines WHERE seq > :past::bigint ORDER BY seq LIMIT :limit::bigint;

-- name: put_batches
INSERT INTO pixmill.batches (id, tenant, made_at, ended_at, open_until, hooks)
SELECT * FROM unnest(
    :ids::text[], :tenants::text[], :mades::double precision[], :ends::double precision[],
    :untils::double precision[], :hooks::bytea[]
)
ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, open_until = excluded.open_until;

-- name: finished_batches
SELECT id, tenant, made_at, ended_at, open_until, hooks FROM pixmill.batches
WHERE id = ANY(:ids::text[]) AND ended_at IS NULL AND (open_until IS NULL OR open_until <= :at::double precision)
    AND NOT EXISTS (
        SELECT 1 FROM pixmill.jobs
        WHERE jobs.batch = batches.id AND jobs.batch IS NOT NULL AND jobs.ended_at IS NULL
    )
ORDER BY id;

-- name: batch_states
SELECT batch, state, count(*) FROM pixmill.jobs WHERE batch = ANY(:ids::text[]) GROUP BY batch, state;

-- name: batch_counts
SELECT tenant, state, count(*) FROM pixmill.jobs WHERE batch = :batch::text GROUP BY tenant, state
LIMIT :limit::bigint;

-- name: opened_by
SELECT tenant, count(*) FROM pixmill.batches WHERE ended_at IS NULL AND open_until IS NOT NULL GROUP BY tenant;

-- name: open_batches
SELECT open_until, id FROM pixmill.batches
WHERE ended_at IS NULL AND open_until IS NOT NULL
    AND (open_until, id) > (:until::double precision, :past::text)
ORDER BY open_until, id LIMIT :limit::bigint;

-- name: joined_batches
SELECT id, tenant, made_at, ended_at, open_until, hooks,
    (SELECT count(*) FROM pixmill.jobs WHERE jobs.batch = batches.id AND jobs.batch IS NOT NULL)
FROM pixmill.batches WHERE id = ANY(:ids::text[]);

-- name: batch_entry
SELECT id, tenant, made_at, ended_at, open_until, hooks FROM pixmill.batches WHERE id = :id::text;

-- name: unended_batches
SELECT id FROM pixmill.batches WHERE ended_at IS NULL AND id > :past::text ORDER BY id LIMIT :limit::bigint;

-- name: forget_batches
DELETE FROM pixmill.batches WHERE id = ANY(ARRAY(
    SELECT id FROM pixmill.batches WHERE ended_at < :before::double precision ORDER BY ended_at LIMIT :limit::bigint
));

-- name: put_actions
INSERT INTO pixmill.actions (id, who, verb, filter, count, at)
SELECT * FROM unnest(
    :ids::text[], :whos::text[], :verbs::text[], :filters::text[], :counts::bigint[], :ats::double precision[]
)
ON CONFLICT (id) DO UPDATE SET count = actions.count + excluded.count;

-- name: actions
SELECT id, who, verb, filter, count, at FROM pixmill.actions
WHERE id < :before::text ORDER BY id DESC LIMIT :limit::bigint;

-- name: forget_actions
DELETE FROM pixmill.actions WHERE at < :before::double precision
    OR id <= (SELECT id FROM pixmill.actions ORDER BY id DESC LIMIT 1 OFFSET :keep::bigint);

-- name: put_intervals
INSERT INTO pixmill.intervals (at, figures)
SELECT * FROM unnest(:ats::bigint[], :figures::bytea[])
ON CONFLICT (at) DO UPDATE SET figures = excluded.figures;

-- name: forget_intervals
DELETE FROM pixmill.intervals WHERE at <= :before::bigint OR at > :last::bigint;

-- name: newest_interval
SELECT at, figures FROM pixmill.intervals ORDER BY at DESC LIMIT 1;

-- name: entries_intervals
SELECT at, figures FROM pixmill.intervals WHERE at > :past::bigint ORDER BY at LIMIT :limit::bigint;

-- name: entries_actions
SELECT id, who, verb, filter, count, at FROM pixmill.actions
WHERE id > :past::text ORDER BY id LIMIT :limit::bigint;

-- name: entries_batches
SELECT id, tenant, made_at, ended_at, open_until, hooks FROM pixmill.batches
WHERE id > :past::text ORDER BY id LIMIT :limit::bigint;

-- name: entries_keys
SELECT key, job, fingerprint, at FROM pixmill.keys WHERE key > :past::bytea ORDER BY key LIMIT :limit::bigint;

-- name: entries_grants
SELECT name, used, expires_at FROM pixmill.grants WHERE name > :past::text ORDER BY name LIMIT :limit::bigint;

-- name: entries_purged
SELECT job, at FROM pixmill.purged WHERE job > :past::text ORDER BY job LIMIT :limit::bigint;

-- name: forget_keys
DELETE FROM pixmill.keys WHERE key = ANY(ARRAY(
    SELECT key FROM pixmill.keys WHERE at < :before::double precision ORDER BY at LIMIT :limit::bigint
));

-- name: forget_grants
DELETE FROM pixmill.grants WHERE name = ANY(ARRAY(
    SELECT name FROM pixmill.grants WHERE expires_at < :before::double precision
    ORDER BY expires_at LIMIT :limit::bigint
));

-- name: forget_purged
DELETE FROM pixmill.purged WHERE job = ANY(ARRAY(
    SELECT job FROM pixmill.purged WHERE at < :before::double precision ORDER BY at LIMIT :limit::bigint
));

-- name: ended_before
SELECT {columns} FROM pixmill.jobs WHERE ended_at < :before::double precision
ORDER BY ended_at LIMIT :limit::bigint;

-- name: ended_after
-- The condition on ended_at alone is the one that bounds the scan of its index.
SELECT ended_at, seq, id, tenant FROM pixmill.jobs
WHERE ended_at >= :at::double precision AND (ended_at, seq) > (:at::double precision, :seq::bigint)
    AND ended_at < :before::double precision
ORDER BY ended_at, seq LIMIT :limit::bigint;

-- name: accepted_from
-- By halves: the first seq from which on jobs were accepted at :at or later. Jobs are accepted in the order of seq.
WITH RECURSIVE found (low, high) AS (
    SELECT (SELECT min(seq) FROM pixmill.jobs) - 1, (SELECT max(seq) FROM pixmill.jobs) + 1
    UNION ALL
    SELECT CASE WHEN accepted_at < :at::double precision THEN seq ELSE low END,
        CASE WHEN accepted_at < :at::double precision THEN high ELSE (low + high) / 2 END
    FROM found CROSS JOIN LATERAL (
        SELECT seq, accepted_at FROM pixmill.jobs WHERE seq >= (low + high) / 2 ORDER BY seq LIMIT 1
    ) AS next
    WHERE high - low > 1
)
SELECT coalesce(min(high), 0) FROM found;

-- name: edge_oldest_all
SELECT seq FROM pixmill.jobs WHERE seq > :low::bigint AND seq < :high::bigint ORDER BY seq LIMIT 1 OFFSET :scan_max::bigint;

-- name: edge_oldest_tenant
SELECT seq FROM pixmill.jobs
WHERE tenant = ANY(ARRAY[:tenant::text]) AND seq > :low::bigint AND seq < :high::bigint
ORDER BY tenant, seq LIMIT 1 OFFSET :scan_max::bigint;

-- name: edge_oldest_reference
SELECT seq FROM pixmill.jobs
WHERE tenant = ANY(ARRAY[:tenant::text]) AND reference = :reference::text
    AND seq > :low::bigint AND seq < :high::bigint AND reference IS NOT NULL
ORDER BY tenant, reference, seq LIMIT 1 OFFSET :scan_max::bigint;

-- name: rows_oldest_all
SELECT {columns} FROM pixmill.jobs WHERE seq > :low::bigint AND seq < :high::bigint
    AND (:state::text IS NULL OR state = :state::text) AND (:code::text IS NULL OR code = :code::text)
    AND (:preset::text IS NULL OR preset = :preset::text)
    AND (:accepted_after::double precision IS NULL OR accepted_at >= :accepted_after::double precision)
    AND (:accepted_before::double precision IS NULL OR accepted_at < :accepted_before::double precision)
    AND (:reference::text IS NULL OR reference = :reference::text)
ORDER BY seq LIMIT :limit::bigint;

-- name: rows_oldest_tenant
SELECT {columns} FROM pixmill.jobs
WHERE tenant = ANY(ARRAY[:tenant::text]) AND seq > :low::bigint AND seq < :high::bigint
    AND (:state::text IS NULL OR state = :state::text) AND (:code::text IS NULL OR code = :code::text)
    AND (:preset::text IS NULL OR preset = :preset::text)
    AND (:accepted_after::double precision IS NULL OR accepted_at >= :accepted_after::double precision)
    AND (:accepted_before::double precision IS NULL OR accepted_at < :accepted_before::double precision)
ORDER BY tenant, seq LIMIT :limit::bigint;

-- name: rows_oldest_reference
SELECT {columns} FROM pixmill.jobs
WHERE tenant = ANY(ARRAY[:tenant::text]) AND reference = :reference::text
    AND seq > :low::bigint AND seq < :high::bigint AND reference IS NOT NULL
    AND (:state::text IS NULL OR state = :state::text) AND (:code::text IS NULL OR code = :code::text)
    AND (:preset::text IS NULL OR preset = :preset::text)
    AND (:accepted_after::double precision IS NULL OR accepted_at >= :accepted_after::double precision)
    AND (:accepted_before::double precision IS NULL OR accepted_at < :accepted_before::double precision)
ORDER BY tenant, reference, seq LIMIT :limit::bigint;

-- name: edge_newest_all
SELECT seq FROM pixmill.jobs WHERE seq > :low::bigint AND seq < :high::bigint ORDER BY seq DESC LIMIT 1 OFFSET :scan_max::bigint;

-- name: edge_newest_tenant
SELECT seq FROM pixmill.jobs
WHERE tenant = ANY(ARRAY[:tenant::text]) AND seq > :low::bigint AND seq < :high::bigint
ORDER BY tenant DESC, seq DESC LIMIT 1 OFFSET :scan_max::bigint;

-- name: edge_newest_reference
SELECT seq FROM pixmill.jobs
WHERE tenant = ANY(ARRAY[:tenant::text]) AND reference = :reference::text
    AND seq > :low::bigint AND seq < :high::bigint AND reference IS NOT NULL
ORDER BY tenant DESC, reference DESC, seq DESC LIMIT 1 OFFSET :scan_max::bigint;

-- name: rows_newest_all
SELECT {columns} FROM pixmill.jobs WHERE seq > :low::bigint AND seq < :high::bigint
    AND (:state::text IS NULL OR state = :state::text) AND (:code::text IS NULL OR code = :code::text)
    AND (:preset::text IS NULL OR preset = :preset::text)
    AND (:accepted_after::double precision IS NULL OR accepted_at >= :accepted_after::double precision)
    AND (:accepted_before::double precision IS NULL OR accepted_at < :accepted_before::double precision)
    AND (:reference::text IS NULL OR reference = :reference::text)
ORDER BY seq DESC LIMIT :limit::bigint;

-- name: rows_newest_tenant
SELECT {columns} FROM pixmill.jobs
WHERE tenant = ANY(ARRAY[:tenant::text]) AND seq > :low::bigint AND seq < :high::bigint
    AND (:state::text IS NULL OR state = :state::text) AND (:code::text IS NULL OR code = :code::text)
    AND (:preset::text IS NULL OR preset = :preset::text)
    AND (:accepted_after::double precision IS NULL OR accepted_at >= :accepted_after::double precision)
    AND (:accepted_before::double precision IS NULL OR accepted_at < :accepted_before::double precision)
ORDER BY tenant DESC, seq DESC LIMIT :limit::bigint;

-- name: rows_newest_reference
SELECT {columns} FROM pixmill.jobs
WHERE tenant = ANY(ARRAY[:tenant::text]) AND reference = :reference::text
    AND seq > :low::bigint AND seq < :high::bigint AND reference IS NOT NULL
    AND (:state::text IS NULL OR state = :state::text) AND (:code::text IS NULL OR code = :code::text)
    AND (:preset::text IS NULL OR preset = :preset::text)
    AND (:accepted_after::double precision IS NULL OR accepted_at >= :accepted_after::double precision)
    AND (:accepted_before::double precision IS NULL OR accepted_at < :accepted_before::double precision)
ORDER BY tenant DESC, reference DESC, seq DESC LIMIT :limit::bigint;

-- name: count_all
SELECT count(*) FROM (
    SELECT 1 FROM pixmill.jobs WHERE seq > :low::bigint AND seq < :high::bigint
        AND (:state::text IS NULL OR state = :state::text) AND (:code::text IS NULL OR code = :code::text)
        AND (:preset::text IS NULL OR preset = :preset::text)
        AND (:accepted_after::double precision IS NULL OR accepted_at >= :accepted_after::double precision)
        AND (:accepted_before::double precision IS NULL OR accepted_at < :accepted_before::double precision)
        AND (:reference::text IS NULL OR reference = :reference::text)
    LIMIT :scan_max::bigint
) AS found;

-- name: count_tenant
SELECT count(*) FROM (
    SELECT 1 FROM pixmill.jobs
    WHERE tenant = ANY(ARRAY[:tenant::text]) AND seq > :low::bigint AND seq < :high::bigint
        AND (:state::text IS NULL OR state = :state::text) AND (:code::text IS NULL OR code = :code::text)
        AND (:preset::text IS NULL OR preset = :preset::text)
        AND (:accepted_after::double precision IS NULL OR accepted_at >= :accepted_after::double precision)
        AND (:accepted_before::double precision IS NULL OR accepted_at < :accepted_before::double precision)
    LIMIT :scan_max::bigint
) AS found;

-- name: count_reference
SELECT count(*) FROM (
    SELECT 1 FROM pixmill.jobs
    WHERE tenant = ANY(ARRAY[:tenant::text]) AND reference = :reference::text
        AND seq > :low::bigint AND seq < :high::bigint AND reference IS NOT NULL
        AND (:state::text IS NULL OR state = :state::text) AND (:code::text IS NULL OR code = :code::text)
        AND (:preset::text IS NULL OR preset = :preset::text)
        AND (:accepted_after::double precision IS NULL OR accepted_at >= :accepted_after::double precision)
        AND (:accepted_before::double precision IS NULL OR accepted_at < :accepted_before::double precision)
    LIMIT :scan_max::bigint
) AS found;

-- name: job
SELECT {columns} FROM pixmill.jobs WHERE id = :id::text;

-- name: fates
-- In one statement: between two, a purge could take a job out of sight.
SELECT job, 'purged' FROM pixmill.purged WHERE job = ANY(:ids::text[])
UNION ALL
SELECT id, state FROM pixmill.jobs WHERE id = ANY(:ids::text[]);

-- name: batch
SELECT {columns} FROM pixmill.jobs WHERE batch = :batch::text ORDER BY seq LIMIT :limit::bigint;

-- name: sync_nothing
-- For this transaction alone.
SELECT set_config('synchronous_commit', 'off', true);

-- name: recovers
SELECT pg_is_in_recovery();

-- name: bound_waits
-- For this transaction alone.
SELECT set_config('lock_timeout', '500ms', true);

-- name: server
SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding'), pg_is_in_recovery(),
    to_regnamespace('pixmill') IS NOT NULL, to_regclass('pixmill.term') IS NOT NULL;

-- name: works
-- Whether the server carries out a long statement of the holder of the term, whatever name the address gives its
-- connection. One that waits for a lock may wait for ever.
SELECT count(*) > 0 FROM pg_stat_activity
WHERE pid = (SELECT backend FROM pixmill.term) AND state = 'active'
    AND query_start < clock_timestamp() - interval '1 second' AND wait_event_type IS DISTINCT FROM 'Lock';

-- name: schema
SELECT number, use FROM pixmill.schema;

-- name: raise_epoch_above
UPDATE pixmill.term SET epoch = greatest(epoch, :above::bigint) RETURNING epoch;

-- name: put_use
UPDATE pixmill.schema SET use = :use::text;

-- name: put_schema
UPDATE pixmill.schema SET number = :number::bigint;

-- name: end_expired
-- A holder that stood still within a transaction would keep the term's row for ever: end its connection. But not that of
-- a commit that waits for a synchronous replica: its end would show rows to web that are on one server only.
SELECT coalesce(active.wait_event = 'SyncRep', false) AS waits,
    CASE WHEN active.wait_event = 'SyncRep' THEN false ELSE pg_terminate_backend(held.pid) END AS ended
FROM pixmill.term CROSS JOIN pg_locks AS held JOIN pg_stat_activity AS active ON active.pid = held.pid
WHERE held.relation = 'pixmill.term'::regclass AND held.mode = 'RowExclusiveLock' AND held.granted
    AND held.pid <> pg_backend_pid() AND active.usename = current_user
    AND term.until < clock_timestamp() - interval '1 second';

-- name: take
-- The epoch rises also after a back-up was put back, or a failover lost commits. A holder is certainly gone if its
-- connection has ended and its lock, the third word of `holder`, is now ours: then nobody waits.
UPDATE pixmill.term
SET epoch = greatest(epoch + 1, extract(epoch FROM clock_timestamp())::bigint), nonce = :nonce::bytea, turn = 0,
    holder = :holder::text, backend = pg_backend_pid(), renewed_at = clock_timestamp(),
    until = clock_timestamp() + :seconds::double precision * interval '1 second'
WHERE until <= clock_timestamp()
    OR (
        (
            renewed_at <= clock_timestamp() - :gone_seconds::double precision * interval '1 second'
            OR (:lock::text <> '' AND split_part(holder, ' ', 3) = :lock::text)
        )
        AND NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = term.backend)
    )
RETURNING epoch;

-- name: history
-- Which life of which server this is: a promoted replica has another timeline.
SELECT (pg_control_system()).system_identifier || ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8);

-- name: durability
SELECT current_setting('fsync'), current_setting('synchronous_commit'),
    current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication);
