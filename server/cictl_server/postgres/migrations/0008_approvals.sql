-- When an execution ends unless somebody approves it. A server of an earlier version tells none.
ALTER TABLE unfinished_jobs ADD approval_due timestamptz;
CREATE INDEX unfinished_jobs_unapproved ON unfinished_jobs (approval_due, number)
    WHERE NOT is_active AND approval_due IS NOT NULL;
