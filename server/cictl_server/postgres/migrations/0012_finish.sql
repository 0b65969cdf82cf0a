-- Takes a blob for the pieces of a log in one round trip, and tells whether the log is finished. It is not if it has fewer bytes than
-- the blob: then it was removed meanwhile.
CREATE FUNCTION log_finish(lock bigint, of_log text, bytes_of_blob bigint, blob_key text, its_notes bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(lock);
    IF EXISTS (SELECT FROM finished_logs WHERE log = of_log) THEN
        RETURN true;
    END IF;
    IF coalesce((SELECT start + octet_length(bytes) FROM log_chunks WHERE log = of_log ORDER BY start DESC LIMIT 1), 0)
       < bytes_of_blob THEN
        RETURN false;
    END IF;
    INSERT INTO finished_logs VALUES (of_log, bytes_of_blob, blob_key, its_notes);
    DELETE FROM log_chunks WHERE log = of_log;
    DELETE FROM log_arrivals WHERE log = of_log;
    DELETE FROM log_steps WHERE log = of_log;
    RETURN true;
END $$;
