-- Logs of executions, by their names. The bytes of one that is not over are pieces, in the order of their offsets, each of which is
-- written once: a piece that grew with every report would leave a dead copy each time.
CREATE TABLE log_chunks (
    log text COLLATE "C" NOT NULL,
    start bigint NOT NULL,
    undecided bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (log, start)
);
ALTER TABLE log_chunks ALTER bytes SET STORAGE EXTERNAL;

CREATE TABLE log_arrivals (
    log text COLLATE "C" NOT NULL,
    start bigint NOT NULL,
    ms bigint NOT NULL,
    PRIMARY KEY (log, start)
);

CREATE TABLE log_steps (
    log text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    total bigint NOT NULL,
    name text NOT NULL,
    ms bigint NOT NULL,
    start bigint NOT NULL,
    PRIMARY KEY (log, number)
);

-- The latest note of a log is the one with the highest offset.
CREATE FUNCTION log_note_arrival(of_log text, at bigint, at_ms bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO log_arrivals
    SELECT of_log, at, at_ms
     WHERE NOT EXISTS (SELECT FROM (SELECT start, ms FROM log_arrivals WHERE log = of_log ORDER BY start DESC LIMIT 1) AS last
                        WHERE last.start >= at OR at_ms - last.ms < 1000)
$$;

-- What is over: its bytes are a blob, if there are any, and its times and steps one document.
CREATE TABLE finished_logs (
    log text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL,
    blob text,
    notes bytea NOT NULL
);

-- Continues a log of `at` bytes in one round trip, and tells whether it could. Each statement here sees what was committed before
-- it began, so those after the lock see what the former holder of the lock did. Bytes need not wait for the disk: what is lost
-- when the machine crashes, the agent sends again.
CREATE FUNCTION log_append(lock bigint, of_log text, at bigint, open_bytes bigint, data bytea, at_ms bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(lock);
    IF at <> coalesce((SELECT start + octet_length(bytes) FROM log_chunks WHERE log = of_log ORDER BY start DESC LIMIT 1), 0)
       OR EXISTS (SELECT FROM finished_logs WHERE log = of_log) THEN
        RETURN false;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM log_note_arrival(of_log, at, at_ms);
    INSERT INTO log_chunks VALUES (of_log, at, open_bytes, data);
    RETURN true;
END $$;
