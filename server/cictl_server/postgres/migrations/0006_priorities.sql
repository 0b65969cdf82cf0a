-- The order in which waiting executions are given out: the highest priority first, and of these the lowest place. A server of an
-- earlier version tells neither.
ALTER TABLE unfinished_jobs ADD priority smallint NOT NULL DEFAULT 0, ADD place bigint;
CREATE INDEX unfinished_jobs_in_order
    ON unfinished_jobs (needs_key, queue_scope, (-priority), (coalesce(place, number)), number)
    WHERE NOT is_active AND NOT is_blocked AND not_before IS NULL;
CREATE INDEX unfinished_jobs_active_by_queue ON unfinished_jobs (queue_scope) WHERE is_active;
