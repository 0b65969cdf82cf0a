-- Runs by number, and beside them where each is found: its project, pipeline and branch, in each combination that is asked for.
CREATE TABLE runs (number bigint PRIMARY KEY, document json NOT NULL) WITH (fillfactor = 70);
CREATE TABLE run_places (
    place text COLLATE "C",
    number bigint,
    status text COLLATE "C" NOT NULL,
    PRIMARY KEY (place, number)
);
CREATE INDEX run_places_by_status ON run_places (place, status, number);
