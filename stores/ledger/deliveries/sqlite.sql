-- Every statement of the SQLite ledger about deliveries, by name. The names in braces stand for the columns of
-- jobs.deliveries.DeliveryRow: reads.py puts them there.
--
-- Lists are as those of jobs (../queries.sql): of everyone, of a tenant, of a job; newest or oldest first.

-- name: put_delivery
INSERT INTO deliveries ({delivery_columns}) VALUES ({delivery_marks});

-- name: update_delivery
UPDATE deliveries SET {delivery_changing} WHERE seq = ?;

-- name: drop_unkept
DELETE FROM deliveries WHERE seq = ? AND kept = 0 AND due_at IS NULL;

-- name: drop_untold
DELETE FROM deliveries WHERE job = ? AND job IS NOT NULL AND due_at IS NULL;

-- name: put_untold
UPDATE deliveries SET kept = 0 WHERE job = ? AND job IS NOT NULL;

-- name: put_endpoint
INSERT INTO endpoints (lane, failing_since, paused_at) VALUES (?, ?, ?)
ON CONFLICT (lane) DO UPDATE SET failing_since = excluded.failing_since, paused_at = excluded.paused_at;

-- name: remove_endpoint
DELETE FROM endpoints WHERE lane = ?;

-- name: due_lanes
-- A loose index scan: from each lane one search finds the next, whatever the lanes hold.
WITH RECURSIVE found (lane) AS (
    SELECT * FROM (SELECT lane FROM deliveries WHERE due_at IS NOT NULL AND lane >= '' ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT lane FROM deliveries WHERE due_at IS NOT NULL AND lane > found.lane ORDER BY lane LIMIT 1)
    FROM found WHERE found.lane IS NOT NULL
)
SELECT lane FROM found WHERE lane IS NOT NULL;

-- name: deliveries_waiting
SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL;

-- name: endpoints
SELECT lane, failing_since, paused_at FROM endpoints;

-- name: last_delivery
SELECT coalesce(max(seq), 0) FROM deliveries;

-- name: due
SELECT due_at, seq FROM deliveries
WHERE lane = :lane AND due_at IS NOT NULL AND (due_at, seq) > (:due_at, :seq)
ORDER BY due_at, seq LIMIT :limit;

-- name: deliveries_at
SELECT {delivery_columns} FROM deliveries WHERE seq IN (SELECT value FROM json_each(?)) LIMIT ?;

-- name: deliveries_of
SELECT {delivery_columns} FROM deliveries WHERE job = :job AND job IS NOT NULL ORDER BY seq DESC LIMIT :limit;

-- name: forget_deliveries
DELETE FROM deliveries WHERE seq IN (
    SELECT seq FROM deliveries WHERE ended_at < ? ORDER BY ended_at LIMIT ?
);

-- name: entries_deliveries
SELECT {delivery_columns} FROM deliveries WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: entries_endpoints
SELECT lane, failing_since, paused_at FROM endpoints WHERE lane > ? ORDER BY lane LIMIT ?;

-- name: delivery_edge_newest_all
SELECT seq FROM deliveries WHERE seq > :low AND seq < :high
ORDER BY seq DESC LIMIT 1 OFFSET :scan_max;

-- name: delivery_rows_newest_all
SELECT {delivery_columns} FROM deliveries WHERE seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:type IS NULL OR type = :type)
    AND (:since IS NULL OR created_at >= :since)
ORDER BY seq DESC LIMIT :limit;

-- name: delivery_edge_oldest_all
SELECT seq FROM deliveries WHERE seq > :low AND seq < :high
ORDER BY seq LIMIT 1 OFFSET :scan_max;

-- name: delivery_rows_oldest_all
SELECT {delivery_columns} FROM deliveries WHERE seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:type IS NULL OR type = :type)
    AND (:since IS NULL OR created_at >= :since)
ORDER BY seq LIMIT :limit;

-- name: delivery_count_all
SELECT count(*) FROM (
    SELECT 1 FROM deliveries WHERE seq > :low AND seq < :high
        AND (:state IS NULL OR state = :state) AND (:type IS NULL OR type = :type)
        AND (:since IS NULL OR created_at >= :since)
    LIMIT :scan_max
);

-- name: delivery_edge_newest_tenant
SELECT seq FROM deliveries INDEXED BY deliveries_by_tenant WHERE tenant = :tenant AND seq > :low AND seq < :high
ORDER BY seq DESC LIMIT 1 OFFSET :scan_max;

-- name: delivery_rows_newest_tenant
SELECT {delivery_columns} FROM deliveries INDEXED BY deliveries_by_tenant WHERE tenant = :tenant AND seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:type IS NULL OR type = :type)
    AND (:since IS NULL OR created_at >= :since)
ORDER BY seq DESC LIMIT :limit;

-- name: delivery_edge_oldest_tenant
SELECT seq FROM deliveries INDEXED BY deliveries_by_tenant WHERE tenant = :tenant AND seq > :low AND seq < :high
ORDER BY seq LIMIT 1 OFFSET :scan_max;

-- name: delivery_rows_oldest_tenant
SELECT {delivery_columns} FROM deliveries INDEXED BY deliveries_by_tenant WHERE tenant = :tenant AND seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:type IS NULL OR type = :type)
    AND (:since IS NULL OR created_at >= :since)
ORDER BY seq LIMIT :limit;

-- name: delivery_count_tenant
SELECT count(*) FROM (
    SELECT 1 FROM deliveries INDEXED BY deliveries_by_tenant WHERE tenant = :tenant AND seq > :low AND seq < :high
        AND (:state IS NULL OR state = :state) AND (:type IS NULL OR type = :type)
        AND (:since IS NULL OR created_at >= :since)
    LIMIT :scan_max
);

-- name: delivery_edge_newest_job
SELECT seq FROM deliveries INDEXED BY deliveries_by_job WHERE job = :job AND job IS NOT NULL AND (:tenant IS NULL OR tenant = :tenant)
    AND seq > :low AND seq < :high
ORDER BY seq DESC LIMIT 1 OFFSET :scan_max;

-- name: delivery_rows_newest_job
SELECT {delivery_columns} FROM deliveries INDEXED BY deliveries_by_job WHERE job = :job AND job IS NOT NULL AND (:tenant IS NULL OR tenant = :tenant)
    AND seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:type IS NULL OR type = :type)
    AND (:since IS NULL OR created_at >= :since)
ORDER BY seq DESC LIMIT :limit;

-- name: delivery_edge_oldest_job
SELECT seq FROM deliveries INDEXED BY deliveries_by_job WHERE job = :job AND job IS NOT NULL AND (:tenant IS NULL OR tenant = :tenant)
    AND seq > :low AND seq < :high
ORDER BY seq LIMIT 1 OFFSET :scan_max;

-- name: delivery_rows_oldest_job
SELECT {delivery_columns} FROM deliveries INDEXED BY deliveries_by_job WHERE job = :job AND job IS NOT NULL AND (:tenant IS NULL OR tenant = :tenant)
    AND seq > :low AND seq < :high
    AND (:state IS NULL OR state = :state) AND (:type IS NULL OR type = :type)
    AND (:since IS NULL OR created_at >= :since)
ORDER BY seq LIMIT :limit;

-- name: delivery_count_job
SELECT count(*) FROM (
    SELECT 1 FROM deliveries INDEXED BY deliveries_by_job WHERE job = :job AND job IS NOT NULL AND (:tenant IS NULL OR tenant = :tenant)
    AND seq > :low AND seq < :high
        AND (:state IS NULL OR state = :state) AND (:type IS NULL OR type = :type)
        AND (:since IS NULL OR created_at >= :since)
    LIMIT :scan_max
);
