-- What an execution locks on the host of its agent, and where it does.
ALTER TABLE unfinished_jobs ADD locks json, ADD lock_host text COLLATE "C";
CREATE INDEX unfinished_jobs_with_locks ON unfinished_jobs (lock_host, number) WHERE is_active AND lock_host IS NOT NULL;
