-- Concurrency groups: which ones an execution has a place in, and in whose line it stands, sorted by runs and by who is ready.
ALTER TABLE unfinished_jobs
    ADD held_group text COLLATE "C",
    ADD held_run_group text COLLATE "C",
    ADD awaited_group text COLLATE "C",
    ADD line_run bigint,
    ADD is_ready boolean;
CREATE INDEX unfinished_jobs_with_place ON unfinished_jobs (held_group, number) WHERE held_group IS NOT NULL;
CREATE INDEX unfinished_jobs_runs_with_place ON unfinished_jobs (held_run_group, run, number) WHERE held_run_group IS NOT NULL;
CREATE INDEX unfinished_jobs_in_line ON unfinished_jobs (awaited_group, line_run, (NOT is_ready), place, number)
    WHERE awaited_group IS NOT NULL;
