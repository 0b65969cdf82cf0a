-- What servers tell each other. Most of it may be lost in a crash of the database, so it is kept in unlogged tables.

-- Small states by key. Versions ascend in the order of commits within a board, so whoever read up to one asks for those above.
-- A state that was removed stays as a row without one, for those who have not heard of it.
CREATE SEQUENCE state_versions;
CREATE UNLOGGED TABLE passing_states (
    board text COLLATE "C",
    key text COLLATE "C",
    version bigint NOT NULL,
    changed timestamptz NOT NULL,
    state json,
    PRIMARY KEY (board, key)
) WITH (fillfactor = 50);
CREATE INDEX passing_states_by_version ON passing_states (board, version);
CREATE TABLE lasting_states (
    board text COLLATE "C",
    key text COLLATE "C",
    version bigint NOT NULL,
    changed timestamptz NOT NULL,
    state json,
    PRIMARY KEY (board, key)
) WITH (fillfactor = 50);
CREATE INDEX lasting_states_by_version ON lasting_states (board, version);

-- The latest events, and the number up to which earlier ones are forgotten. That row is missing after a crash.
CREATE UNLOGGED TABLE events (number bigint PRIMARY KEY, kind text NOT NULL, subject text NOT NULL);
CREATE UNLOGGED TABLE events_forgotten (is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only), number bigint NOT NULL);

CREATE UNLOGGED TABLE servers (
    instance_id text PRIMARY KEY,
    number smallint NOT NULL UNIQUE,
    name text NOT NULL,
    version text NOT NULL,
    started timestamptz NOT NULL,
    seen timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Who does the background work, and until when unless it renews that.
CREATE UNLOGGED TABLE leader (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    instance_id text NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);
