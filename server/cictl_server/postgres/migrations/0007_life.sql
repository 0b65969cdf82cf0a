-- A row that a crash takes away: PostgreSQL empties unlogged tables as it recovers, and a standby that takes over has them empty. The next
-- connection puts another id here. Numbers of transactions that were lost in a crash are given out anew, so whoever asks how a
-- transaction ended must know that it is the same life of the database.
CREATE UNLOGGED TABLE database_life (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    id uuid NOT NULL DEFAULT gen_random_uuid()
);
