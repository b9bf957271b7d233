-- Every statement of the PostgreSQL ledger about deliveries, by name. A parameter is written `:name::type`. The names in
-- braces stand for the columns of jobs.deliveries.DeliveryRow.
--
-- Lists are as those of jobs (../postgres/queries.sql): of everyone, of a tenant, of a job; newest or oldest first.

-- name: put_deliveries
INSERT INTO pixmill.deliveries ({delivery_columns}) SELECT * FROM unnest({delivery_arrays});

-- name: update_deliveries
UPDATE pixmill.deliveries SET {delivery_changing}
FROM unnest(:seq::bigint[], {delivery_changing_arrays}) AS new (seq, {delivery_changing_columns})
WHERE deliveries.seq = new.seq;

-- name: drop_unkept
DELETE FROM pixmill.deliveries WHERE seq = ANY(:seqs::bigint[]) AND kept = 0 AND due_at IS NULL;

-- name: drop_untold
DELETE FROM pixmill.deliveries WHERE job = ANY(:jobs::text[]) AND job IS NOT NULL AND due_at IS NULL;

-- name: put_untold
UPDATE pixmill.deliveries SET kept = 0 WHERE job = ANY(:jobs::text[]) AND job IS NOT NULL;

-- name: put_endpoints
INSERT INTO pixmill.endpoints (lane, failing_since, paused_at)
SELECT * FROM unnest(:lanes::text[], :since::double precision[], :paused::double precision[])
ON CONFLICT (lane) DO UPDATE SET failing_since = excluded.failing_since, paused_at = excluded.paused_at;

-- name: remove_endpoints
DELETE FROM pixmill.endpoints WHERE lane = ANY(:lanes::text[]);

-- name: due_lanes
-- A loose index scan: from each lane one search finds the next, whatever the lanes hold.
WITH RECURSIVE found (lane) AS (
    (SELECT lane FROM pixmill.deliveries WHERE due_at IS NOT NULL ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (
        SELECT deliveries.lane FROM pixmill.deliveries
        WHERE due_at IS NOT NULL AND deliveries.lane > found.lane ORDER BY deliveries.lane LIMIT 1
    )
    FROM found WHERE found.lane IS NOT NULL
)
SELECT lane FROM found WHERE lane IS NOT NULL;

-- name: deliveries_waiting
SELECT count(*) FROM pixmill.deliveries WHERE due_at IS NOT NULL;

-- name: endpoints
SELECT lane, failing_since, paused_at FROM pixmill.endpoints;

-- name: last_delivery
SELECT coalesce(max(seq), 0) FROM pixmill.deliveries;

-- name: due
SELECT due_at, seq FROM pixmill.deliveries
WHERE lane = :lane::text AND due_at IS NOT NULL
    AND (due_at, seq) > (:due_at::double precision, :seq::bigint)
ORDER BY due_at, seq LIMIT :limit::bigint;

-- name: deliveries_at
SELECT {delivery_columns} FROM pixmill.deliveries WHERE seq = ANY(:seqs::bigint[]);

-- name: deliveries_of
SELECT {delivery_columns} FROM pixmill.deliveries WHERE job = :job::text AND job IS NOT NULL
ORDER BY seq DESC LIMIT :limit::bigint;

-- name: forget_deliveries
DELETE FROM pixmill.deliveries WHERE seq = ANY(ARRAY(
    SELECT seq FROM pixmill.deliveries WHERE ended_at < :before::double precision
    ORDER BY ended_at LIMIT :limit::bigint
));

-- name: entries_deliveries
SELECT {delivery_columns} FROM pixmill.deliveries WHERE seq > :past::bigint ORDER BY seq LIMIT :limit::bigint;

-- name: entries_endpoints
SELECT lane, failing_since, paused_at FROM pixmill.endpoints WHERE lane > :past::text ORDER BY lane LIMIT :limit::bigint;

-- name: delivery_edge_newest_all
SELECT seq FROM pixmill.deliveries WHERE seq > :low::bigint AND seq < :high::bigint
ORDER BY seq DESC LIMIT 1 OFFSET :scan_max::bigint;

-- name: delivery_rows_newest_all
SELECT {delivery_columns} FROM pixmill.deliveries WHERE seq > :low::bigint AND seq < :high::bigint
    AND (:state::text IS NULL OR state = :state::text) AND (:type::text IS NULL OR type = :type::text)
    AND (:since::double precision IS NULL OR created_at >= :since::double precision)
ORDER BY seq DESC LIMIT :limit::bigint;

-- name: delivery_edge_oldest_all
SELECT seq FROM pixmill.deliveries WHERE seq > :low::bigint AND seq < :high::bigint
ORDER BY seq LIMIT 1 OFFSET :scan_max::bigint;

-- name: delivery_rows_oldest_all
SELECT {delivery_columns} FROM pixmill.deliveries WHERE seq > :low::bigint AND seq < :high::bigint
    AND (:state::text IS NULL OR state = :state::text) AND (:type::text IS NULL OR type = :type::text)
    AND (:since::double precision IS NULL OR created_at >= :since::double precision)
ORDER BY seq LIMIT :limit::bigint;

-- name: delivery_count_all
SELECT count(*) FROM (
    SELECT 1 FROM pixmill.deliveries WHERE seq > :low::bigint AND seq < :high::bigint
        AND (:state::text IS NULL OR state = :state::text) AND (:type::text IS NULL OR type = :type::text)
        AND (:since::double precision IS NULL OR created_at >= :since::double precision)
    LIMIT :scan_max::bigint
) AS found;

-- name: delivery_edge_newest_tenant
SELECT seq FROM pixmill.deliveries WHERE (tenant, seq) > (:tenant::text, :low::bigint) AND (tenant, seq) < (:tenant::text, :high::bigint)
ORDER BY tenant DESC, seq DESC LIMIT 1 OFFSET :scan_max::bigint;

-- name: delivery_rows_newest_tenant
SELECT {delivery_columns} FROM pixmill.deliveries WHERE (tenant, seq) > (:tenant::text, :low::bigint) AND (tenant, seq) < (:tenant::text, :high::bigint)
    AND (:state::text IS NULL OR state = :state::text) AND (:type::text IS NULL OR type = :type::text)
    AND (:since::double precision IS NULL OR created_at >= :since::double precision)
ORDER BY tenant DESC, seq DESC LIMIT :limit::bigint;

-- name: delivery_edge_oldest_tenant
SELECT seq FROM pixmill.deliveries WHERE (tenant, seq) > (:tenant::text, :low::bigint) AND (tenant, seq) < (:tenant::text, :high::bigint)
ORDER BY tenant, seq LIMIT 1 OFFSET :scan_max::bigint;

-- name: delivery_rows_oldest_tenant
SELECT {delivery_columns} FROM pixmill.deliveries WHERE (tenant, seq) > (:tenant::text, :low::bigint) AND (tenant, seq) < (:tenant::text, :high::bigint)
    AND (:state::text IS NULL OR state = :state::text) AND (:type::text IS NULL OR type = :type::text)
    AND (:since::double precision IS NULL OR created_at >= :since::double precision)
ORDER BY tenant, seq LIMIT :limit::bigint;

-- name: delivery_count_tenant
SELECT count(*) FROM (
    SELECT 1 FROM pixmill.deliveries WHERE (tenant, seq) > (:tenant::text, :low::bigint) AND (tenant, seq) < (:tenant::text, :high::bigint)
        AND (:state::text IS NULL OR state = :state::text) AND (:type::text IS NULL OR type = :type::text)
        AND (:since::double precision IS NULL OR created_at >= :since::double precision)
    LIMIT :scan_max::bigint
) AS found;

-- name: delivery_edge_newest_job
SELECT seq FROM pixmill.deliveries WHERE job = :job::text AND job IS NOT NULL AND (:tenant::text IS NULL OR tenant = :tenant::text)
    AND seq > :low::bigint AND seq < :high::bigint
ORDER BY job DESC, seq DESC LIMIT 1 OFFSET :scan_max::bigint;

-- name: delivery_rows_newest_job
SELECT {delivery_columns} FROM pixmill.deliveries WHERE job = :job::text AND job IS NOT NULL AND (:tenant::text IS NULL OR tenant = :tenant::text)
    AND seq > :low::bigint AND seq < :high::bigint
    AND (:state::text IS NULL OR state = :state::text) AND (:type::text IS NULL OR type = :type::text)
    AND (:since::double precision IS NULL OR created_at >= :since::double precision)
ORDER BY job DESC, seq DESC LIMIT :limit::bigint;

-- name: delivery_edge_oldest_job
SELECT seq FROM pixmill.deliveries WHERE job = :job::text AND job IS NOT NULL AND (:tenant::text IS NULL OR tenant = :tenant::text)
    AND seq > :low::bigint AND seq < :high::bigint
ORDER BY job, seq LIMIT 1 OFFSET :scan_max::bigint;

-- name: delivery_rows_oldest_job
SELECT {delivery_columns} FROM pixmill.deliveries WHERE job = :job::text AND job IS NOT NULL AND (:tenant::text IS NULL OR tenant = :tenant::text)
    AND seq > :low::bigint AND seq < :high::bigint
    AND (:state::text IS NULL OR state = :state::text) AND (:type::text IS NULL OR type = :type::text)
    AND (:since::double precision IS NULL OR created_at >= :since::double precision)
ORDER BY job, seq LIMIT :limit::bigint;

-- name: delivery_count_job
SELECT count(*) FROM (
    SELECT 1 FROM pixmill.deliveries WHERE job = :job::text AND job IS NOT NULL AND (:tenant::text IS NULL OR tenant = :tenant::text)
    AND seq > :low::bigint AND seq < :high::bigint
        AND (:state::text IS NULL OR state = :state::text) AND (:type::text IS NULL OR type = :type::text)
        AND (:since::double precision IS NULL OR created_at >= :since::double precision)
    LIMIT :scan_max::bigint
) AS found;
