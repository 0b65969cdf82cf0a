-- The records of the store. A document is a record as JSON, the same as in a data directory; the columns beside it are what it
-- is looked up by. Texts are compared by their bytes, whatever the collation of the database is.

-- The highest number that each table has ever had or handed out.
CREATE TABLE last_ids (
    name text COLLATE "C" PRIMARY KEY,
    last bigint NOT NULL
) WITH (fillfactor = 50);

-- What is counted as it changes, because counting it anew would read everything.
CREATE TABLE counters (
    name text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
) WITH (fillfactor = 50);

-- An execution is in up to three tables. Where an index has `number + 0`, there may be few values before it, such as two agents. In
-- the order of `number` itself PostgreSQL might walk through the whole primary key, hoping to meet the value soon. What it is to do is written once and may be long.
CREATE TABLE job_specs (
    number bigint PRIMARY KEY,
    run text COLLATE "C",
    run_number text COLLATE "C",
    chain_run text COLLATE "C",
    project text COLLATE "C" NOT NULL,
    pipeline text COLLATE "C",
    document json NOT NULL
);
CREATE INDEX job_specs_by_run ON job_specs (run, number) WHERE run IS NOT NULL;
CREATE INDEX job_specs_by_run_number ON job_specs (run_number, number) WHERE run_number IS NOT NULL;
CREATE INDEX job_specs_by_chain_run ON job_specs (chain_run, number) WHERE chain_run IS NOT NULL;
CREATE INDEX job_specs_by_pipeline ON job_specs (project, pipeline, (number + 0)) WHERE pipeline IS NOT NULL;

-- Its progress changes often and is short, so that a new version fits into the page of the old one.
CREATE TABLE jobs (
    number bigint PRIMARY KEY,
    status text COLLATE "C" NOT NULL,
    agent text COLLATE "C",
    document json NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX jobs_by_status ON jobs (status, (number + 0));
CREATE INDEX jobs_by_agent ON jobs (agent, (number + 0)) WHERE agent IS NOT NULL;

-- While it is not over, it is here too. So whatever works on the queue and on what runs never meets the history.
CREATE TABLE unfinished_jobs (
    number bigint PRIMARY KEY,
    is_active boolean NOT NULL,
    is_blocked boolean NOT NULL,
    not_before timestamptz,
    needs_key bytea NOT NULL,
    needs json NOT NULL,
    agent text COLLATE "C",
    job_token text COLLATE "C",
    run text COLLATE "C",
    chain_run text COLLATE "C",
    queue_scope text COLLATE "C" NOT NULL,
    run_key text COLLATE "C" NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX unfinished_jobs_claimable ON unfinished_jobs (needs_key, number)
    WHERE NOT is_active AND NOT is_blocked AND not_before IS NULL;
CREATE INDEX unfinished_jobs_queued ON unfinished_jobs (needs_key) WHERE NOT is_active;
CREATE INDEX unfinished_jobs_postponed ON unfinished_jobs (not_before, number)
    WHERE NOT is_active AND NOT is_blocked AND not_before IS NOT NULL;
CREATE INDEX unfinished_jobs_by_agent ON unfinished_jobs (agent, number) WHERE is_active;
CREATE INDEX unfinished_jobs_by_token ON unfinished_jobs (job_token) WHERE is_active AND job_token IS NOT NULL;
CREATE INDEX unfinished_jobs_by_run ON unfinished_jobs (run, number) WHERE run IS NOT NULL;
CREATE INDEX unfinished_jobs_by_chain_run ON unfinished_jobs (chain_run, number) WHERE chain_run IS NOT NULL;
CREATE INDEX unfinished_jobs_blocked_by_run ON unfinished_jobs (run, number)
    WHERE NOT is_active AND is_blocked AND run IS NOT NULL;
CREATE INDEX unfinished_jobs_blocked_by_chain_run ON unfinished_jobs (chain_run, number)
    WHERE NOT is_active AND is_blocked AND chain_run IS NOT NULL;
CREATE INDEX unfinished_jobs_by_queue ON unfinished_jobs (queue_scope, run_key);

CREATE TABLE artifacts (number bigint PRIMARY KEY, document json NOT NULL);

CREATE TABLE agents (key text COLLATE "C" PRIMARY KEY, document json NOT NULL) WITH (fillfactor = 70);
CREATE TABLE settings (key text COLLATE "C" PRIMARY KEY, document json NOT NULL) WITH (fillfactor = 70);
CREATE TABLE answers (key text COLLATE "C" PRIMARY KEY, document json NOT NULL) WITH (fillfactor = 70);

CREATE TABLE projects (id bigint PRIMARY KEY, document json NOT NULL);
CREATE TABLE vault_connections (id bigint PRIMARY KEY, document json NOT NULL);
CREATE TABLE secrets (id bigint PRIMARY KEY, document json NOT NULL);
CREATE TABLE audit (id bigint PRIMARY KEY, document json NOT NULL);

CREATE TABLE pipelines (id bigint PRIMARY KEY, project_id bigint NOT NULL, tools text[] NOT NULL, document json NOT NULL);
CREATE INDEX pipelines_by_project ON pipelines (project_id);

CREATE TABLE chains (id bigint PRIMARY KEY, project_id bigint NOT NULL, document json NOT NULL);
CREATE INDEX chains_by_project ON chains (project_id);

CREATE TABLE tokens (id bigint PRIMARY KEY, digest text COLLATE "C" NOT NULL, document json NOT NULL) WITH (fillfactor = 70);
CREATE INDEX tokens_by_digest ON tokens (digest);
