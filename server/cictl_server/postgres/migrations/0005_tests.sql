-- How tests went over time. They are listed by project, pipeline and name, also the flaky ones alone, or the slowest first.
CREATE TABLE tests (
    key text COLLATE "C" PRIMARY KEY,
    project text COLLATE "C" NOT NULL,
    pipeline text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    is_flaky boolean NOT NULL,
    slowness double precision NOT NULL,
    document json NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX tests_in_order ON tests (project, pipeline, name, key);
CREATE INDEX tests_flaky ON tests (project, pipeline, name, key) WHERE is_flaky;
CREATE INDEX tests_by_name ON tests (name);
CREATE INDEX tests_slowest ON tests (slowness DESC, key DESC);
CREATE INDEX tests_slowest_of_project ON tests (project, slowness DESC, key DESC);
CREATE INDEX tests_slowest_of_pipeline ON tests (project, pipeline, slowness DESC, key DESC);
