-- Every statement of the ledger, by name. A query on unfinished jobs repeats `state <> 'done'`
-- literally, or SQLite does not use the partial index; tests/unit/stores/ledger/test_statements.py holds it.
--
-- The names in braces stand for the columns of jobs.job.Row: statements.py puts them there. No statement says `*`: then
-- a later release may add a column while web processes of this one read.
--
-- Lists: edge_ is the first seq that a scan of :scan_max rows does not reach, rows_ are those that match
-- on this side of it; newest or oldest accepted first; of everyone, of a tenant, of a reference.
--
-- running, delayed, sweeps, quarantine, tenants, paused: what a start reads whole, because it lives in memory.

-- name: insert_job
INSERT INTO jobs ({columns}) VALUES ({marks});

-- name: update_job
UPDATE jobs SET {changing} WHERE seq = ?;

-- name: remove_job
DELETE FROM jobs WHERE seq = ?;

-- name: put_purged
INSERT INTO purged (job, at) VALUES (?, ?) ON CONFLICT (job) DO NOTHING;

-- name: put_key
INSERT INTO keys (key, job, fingerprint, at) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET job = excluded.job, fingerprint = excluded.fingerprint, at = excluded.at;

-- name: put_grant
INSERT INTO grants (name, used, expires_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET used = excluded.used;

-- name: put_sweep
INSERT INTO sweeps (job, names) VALUES (?, ?) ON CONFLICT (job) DO UPDATE SET names = excluded.names;

-- name: remove_sweep
DELETE FROM sweeps WHERE job = ?;

-- name: put_quarantine
INSERT INTO quarantine (content, engine, at) VALUES (?, ?, ?)
ON CONFLICT (content) DO UPDATE SET engine = excluded.engine, at = excluded.at;

-- name: remove_quarantine
DELETE FROM quarantine WHERE content = ?;

-- name: put_meta
UPDATE meta SET change = :change, paused = :paused, queued = :queued, running = :running, delayed = :delayed,
    done = :done, failed = :failed, dead = :dead, cancelled = :cancelled
WHERE only = 1;

-- name: put_paused
INSERT INTO paused (tenant) VALUES (?) ON CONFLICT (tenant) DO NOTHING;

-- name: remove_paused
DELETE FROM paused WHERE tenant = ?;

-- name: paused
SELECT tenant FROM paused ORDER BY tenant;

-- name: put_tenant
INSERT INTO tenants (tenant, queued, running, delayed, done, failed, dead, cancelled)
VALUES (:tenant, :queued, :running, :delayed, :done, :failed, :dead, :cancelled)
ON CONFLICT (tenant) DO UPDATE SET queued = excluded.queued, running = excluded.running, delayed = excluded.delayed,
    done = excluded.done, failed = excluded.failed, dead = excluded.dead, cancelled = excluded.cancelled;

-- name: raise_epoch
-- Above the wall clock's seconds it rises even after an older ledger was put back: web and workers follow the highest.
UPDATE meta SET epoch = max(epoch + 1, unixepoch()) WHERE only = 1;

-- name: raise_epoch_above
UPDATE meta SET epoch = max(epoch, ?) WHERE only = 1;

-- name: meta
SELECT epoch, change, paused, queued, running, delayed, done, failed, dead, cancelled FROM meta WHERE only = 1;

-- name: identity
SELECT identity FROM meta WHERE only = 1;

-- name: put_identity
UPDATE meta SET identity = ? WHERE only = 1;

-- name: last_seq
SELECT max(seq) FROM jobs;

-- name: running
SELECT {columns} FROM jobs WHERE state = 'running' AND state <> 'done';

-- name: delayed
SELECT {columns} FROM jobs WHERE state = 'delayed' AND state <> 'done';

-- name: lanes
-- A loose index scan: from each lane one search finds the next, whatever the lanes hold. (Written
-- as (priority, lane) > (...) it reads every row of a lane to come past it.)
WITH RECURSIVE found (priority, lane) AS (
    SELECT priority, lane FROM (
        SELECT priority, lane FROM jobs WHERE state = 'queued' AND state <> 'done'
        ORDER BY priority, lane LIMIT 1
    )
    UNION ALL
    SELECT next.priority, next.lane FROM found JOIN jobs AS next ON next.seq = coalesce(
        (
            SELECT seq FROM jobs
            WHERE state = 'queued' AND state <> 'done' AND priority = found.priority AND lane > found.lane
            ORDER BY lane LIMIT 1
        ), (
            SELECT seq FROM jobs
            WHERE state = 'queued' AND state <> 'done' AND priority > found.priority
            ORDER BY priority, lane LIMIT 1
        )
    )
)
SELECT priority, lane FROM found;

-- name: sweeps
SELECT job, names FROM sweeps;

-- name: quarantine
SELECT content, engine, at FROM quarantine;

-- name: tenants
SELECT tenant, queued, running, delayed, done, failed, dead, cancelled FROM tenants;

-- name: queued
SELECT {columns} FROM jobs
WHERE state = 'queued' AND state <> 'done' AND priority = ? AND lane = ? AND position > ?
ORDER BY position LIMIT ?;

-- name: expiring
SELECT {columns} FROM deadlines CROSS JOIN jobs USING (seq) ORDER BY expires_at LIMIT ?;

-- name: existing
SELECT id FROM jobs WHERE id IN (SELECT value FROM json_each(?)) LIMIT ?;

-- name: purged
SELECT job FROM purged WHERE job IN (SELECT value FROM json_each(?)) LIMIT ?;

-- name: job
SELECT {columns} FROM jobs WHERE id = ? LIMIT 1;

-- name: jobs
SELECT {columns} FROM jobs WHERE id IN (SELECT value FROM json_each(?)) LIMIT ?;

-- name: fates
-- In one statement: between two, a purge could take a job out of sight.
SELECT job, 'purged' FROM purged WHERE job IN (SELECT value FROM json_each(?))
UNION ALL
SELECT id, state FROM jobs WHERE id IN (SELECT value FROM json_each(?))
LIMIT ?;

-- name: batch
SELECT {columns} FROM jobs WHERE batch = ? ORDER BY seq LIMIT ?;

-- name: keys
-- JSON has no bytes: all keys are one blob, and the list says where each begins and how long it is.
SELECT key, job, fingerprint, at FROM keys
WHERE key IN (SELECT substr(?, json_extract(value, '$[0]'), json_extract(value, '$[1]')) FROM json_each(?))
    AND EXISTS (SELECT 1 FROM jobs WHERE jobs.id = keys.job)
LIMIT ?;

-- name: put_deadline
INSERT INTO deadlines (seq, expires_at) VALUES (?, ?) ON CONFLICT (seq) DO NOTHING;

-- name: remove_deadline
DELETE FROM deadlines WHERE seq = ?;

-- name: entries_deadlines
SELECT seq, expires_at FROM deadlines WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: put_batch
INSERT INTO batches (id, tenant, made_at, ended_at, open_until, hooks) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, open_until = excluded.open_until;

-- name: finished_batches
SELECT id, tenant, made_at, ended_at, open_until, hooks FROM batches
WHERE id IN (SELECT value FROM json_each(?)) AND ended_at IS NULL AND (open_until IS NULL OR open_until <= ?)
    AND NOT EXISTS (
        SELECT 1 FROM jobs INDEXED BY jobs_unended_by_batch
        WHERE jobs.batch = batches.id AND jobs.batch IS NOT NULL AND jobs.ended_at IS NULL
    )
LIMIT ?;

-- name: batch_counts
SELECT tenant, state FROM jobs WHERE batch = ? LIMIT ?;

-- name: open_batches
SELECT open_until, id FROM batches INDEXED BY batches_open
WHERE ended_at IS NULL AND open_until IS NOT NULL AND (open_until, id) > (?, ?)
ORDER BY open_until, id LIMIT ?;

-- name: opened_by
-- What a start reads.
SELECT tenant FROM batches INDEXED BY batches_open
WHERE ended_at IS NULL AND open_until IS NOT NULL LIMIT ?;

-- name: joined_batches
SELECT id, tenant, made_at, ended_at, open_until, hooks,
    (SELECT count(*) FROM jobs WHERE jobs.batch = batches.id AND jobs.batch IS NOT NULL)
FROM batches WHERE id IN (SELECT value FROM json_each(?)) LIMIT ?;

-- name: batch_entry
SELECT id, tenant, made_at, ended_at, open_until, hooks FROM batches WHERE id = ? LIMIT 1;

-- name: unended_batches
SELECT id FROM batches WHERE ended_at IS NULL AND id > ? ORDER BY id LIMIT ?;

-- name: forget_batches
DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE ended_at < ? ORDER BY ended_at LIMIT ?);

-- name: put_action
INSERT INTO actions (id, who, verb, filter, count, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET count = count + excluded.count;

-- name: actions
SELECT id, who, verb, filter, count, at FROM actions WHERE id < ? ORDER BY id DESC LIMIT ?;

-- name: forget_actions
DELETE FROM actions
WHERE at < :before OR id <= (SELECT id FROM actions ORDER BY id DESC LIMIT 1 OFFSET :keep);

-- name: put_interval
INSERT INTO intervals (at, figures) VALUES (?, ?) ON CONFLICT (at) DO UPDATE SET figures = excluded.figures;

-- name: forget_intervals
DELETE FROM intervals WHERE at <= ? OR at > ?;

-- name: newest_interval
SELECT at, figures FROM intervals WHERE at = (SELECT max(at) FROM intervals) LIMIT 1;

-- name: entries_intervals
SELECT at, figures FROM intervals WHERE at > ? ORDER BY at LIMIT ?;

-- name: entries_actions
SELECT id, who, verb, filter, count, at FROM actions WHERE id > ? ORDER BY id LIMIT ?;

-- name: entries_batches
SELECT id, tenant, made_at, ended_at, open_until, hooks FROM batches WHERE id > ? ORDER BY id LIMIT ?;

-- name: entries_keys
SELECT key, job, fingerprint, at FROM keys WHERE key > ? ORDER BY key LIMIT ?;

-- name: entries_grants
SELECT name, used, expires_at FROM grants WHERE name > ? ORDER BY name LIMIT ?;

-- name: entries_purged
SELECT job, at FROM purged WHERE job > ? ORDER BY job LIMIT ?;

-- name: forget_keys
DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE at < ? ORDER BY at LIMIT ?);

-- name: grants
SELECT name, used, expires_at FROM grants WHERE name IN (SELECT value FROM json_each(?)) LIMIT ?;

-- name: forget_grants
DELETE FROM grants WHERE name IN (SELECT name FROM grants WHERE expires_at < ? ORDER BY expires_at LIMIT ?);

-- name: forget_purged
DELETE FROM purged WHERE job IN (SELECT job FROM purged WHERE at < ? ORDER BY at LIMIT ?);

-- name: ended_before
SELECT {columns} FROM jobs WHERE ended_at < ? ORDER BY ended_at LIMIT ?;

-- name: ended_after
-- The condition on ended_at alone is the one that bounds the scan of its index.
SELECT ended_at, seq, id, tenant FROM jobs
WHERE ended_at >= ? AND (ended_at, seq) > (?, ?) AND ended_at < ? ORDER BY ended_at, seq LIMIT ?;

-- name: accepted_from
-- By halves: the first seq from which on jobs were accepted at :at or later. Jobs are accepted in the order of seq.
WITH RECURSIVE found (low, high) AS (
    SELECT (SELECT min(seq) FROM jobs) - 1, (SELECT max(seq) FROM jobs) + 1
    UNION ALL
    SELECT iif(accepted_at < :at, seq, low), iif(accepted_at < :at, high, (low + high) / 2)
    FROM found JOIN jobs ON seq = (
        SELECT seq FROM jobs WHERE seq >= (found.low + found.high) / 2 ORDER BY seq LIMIT 1
    )
    WHERE found.high - found.low > 1
)
SELECT coalesce(min(high), 0) FROM found;

-- name: edge_newest_all
SELECT seq FROM jobs WHERE seq > :low AND seq < :high ORDER BY seq DESC LIMIT 1 OFFSET :scan_max;

-- name: edge_newest_tenant
SELECT seq FROM jobs INDEXED BY jobs_by_tenant
WHERE tenant = :tenant AND seq > :low AND seq < :high ORDER BY seq DESC LIMIT 1 OFFSET :scan_max;

-- name: edge_newest_reference
SELECT seq FROM jobs INDEXED BY jobs_by_reference
WHERE tenant = :tenant AND reference = :reference AND seq > :low AND seq < :high ORDER BY seq DESC LIMIT 1 OFFSET :scan_max;

-- name: edge_oldest_all
SELECT seq FROM jobs WHERE seq > :low AND seq < :high ORDER BY seq LIMIT 1 OFFSET :scan_max;

-- name: edge_oldest_tenant
SELECT seq FROM jobs INDEXED BY jobs_by_tenant
WHERE tenant = :tenant AND seq > :low AND seq < :high ORDER BY seq LIMIT 1 OFFSET :scan_max;

-- name: edge_oldest_reference
SELECT seq FROM jobs INDEXED BY jobs_by_reference
WHERE tenant = :tenant AND reference = :reference AND seq > :low AND seq < :high ORDER BY seq LIMIT 1 OFFSET :scan_max;

-- name: rows_newest_all
SELECT {columns} FROM jobs WHERE seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:code IS NULL OR code = :code)
    AND (:preset IS NULL OR preset = :preset)
    AND (:accepted_after IS NULL OR accepted_at >= :accepted_after)
    AND (:accepted_before IS NULL OR accepted_at < :accepted_before)
    AND (:reference IS NULL OR reference = :reference)
ORDER BY seq DESC LIMIT :limit;

-- name: rows_newest_tenant
SELECT {columns} FROM jobs INDEXED BY jobs_by_tenant WHERE tenant = :tenant AND seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:code IS NULL OR code = :code)
    AND (:preset IS NULL OR preset = :preset)
    AND (:accepted_after IS NULL OR accepted_at >= :accepted_after)
    AND (:accepted_before IS NULL OR accepted_at < :accepted_before)
ORDER BY seq DESC LIMIT :limit;

-- name: rows_newest_reference
SELECT {columns} FROM jobs INDEXED BY jobs_by_reference
WHERE tenant = :tenant AND reference = :reference AND seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:code IS NULL OR code = :code)
    AND (:preset IS NULL OR preset = :preset)
    AND (:accepted_after IS NULL OR accepted_at >= :accepted_after)
    AND (:accepted_before IS NULL OR accepted_at < :accepted_before)
ORDER BY seq DESC LIMIT :limit;

-- name: rows_oldest_all
SELECT {columns} FROM jobs WHERE seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:code IS NULL OR code = :code)
    AND (:preset IS NULL OR preset = :preset)
    AND (:accepted_after IS NULL OR accepted_at >= :accepted_after)
    AND (:accepted_before IS NULL OR accepted_at < :accepted_before)
    AND (:reference IS NULL OR reference = :reference)
ORDER BY seq LIMIT :limit;

-- name: rows_oldest_tenant
SELECT {columns} FROM jobs INDEXED BY jobs_by_tenant WHERE tenant = :tenant AND seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:code IS NULL OR code = :code)
    AND (:preset IS NULL OR preset = :preset)
    AND (:accepted_after IS NULL OR accepted_at >= :accepted_after)
    AND (:accepted_before IS NULL OR accepted_at < :accepted_before)
ORDER BY seq LIMIT :limit;

-- name: rows_oldest_reference
SELECT {columns} FROM jobs INDEXED BY jobs_by_reference
WHERE tenant = :tenant AND reference = :reference AND seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:code IS NULL OR code = :code)
    AND (:preset IS NULL OR preset = :preset)
    AND (:accepted_after IS NULL OR accepted_at >= :accepted_after)
    AND (:accepted_before IS NULL OR accepted_at < :accepted_before)
ORDER BY seq LIMIT :limit;

-- name: count_all
SELECT count(*) FROM (
    SELECT 1 FROM jobs WHERE seq > :low AND seq < :high
        AND (:state IS NULL OR state = :state) AND (:code IS NULL OR code = :code)
        AND (:preset IS NULL OR preset = :preset)
        AND (:accepted_after IS NULL OR accepted_at >= :accepted_after)
        AND (:accepted_before IS NULL OR accepted_at < :accepted_before)
        AND (:reference IS NULL OR reference = :reference)
    LIMIT :scan_max
);

-- name: count_tenant
SELECT count(*) FROM (
    SELECT 1 FROM jobs INDEXED BY jobs_by_tenant WHERE tenant = :tenant AND seq > :low AND seq < :high
        AND (:state IS NULL OR state = :state) AND (:code IS NULL OR code = :code)
        AND (:preset IS NULL OR preset = :preset)
        AND (:accepted_after IS NULL OR accepted_at >= :accepted_after)
        AND (:accepted_before IS NULL OR accepted_at < :accepted_before)
    LIMIT :scan_max
);

-- name: count_reference
SELECT count(*) FROM (
    SELECT 1 FROM jobs INDEXED BY jobs_by_reference
    WHERE tenant = :tenant AND reference = :reference AND seq > :low AND seq < :high
        AND (:state IS NULL OR state = :state) AND (:code IS NULL OR code = :code)
        AND (:preset IS NULL OR preset = :preset)
        AND (:accepted_after IS NULL OR accepted_at >= :accepted_after)
        AND (:accepted_before IS NULL OR accepted_at < :accepted_before)
    LIMIT :scan_max
);
