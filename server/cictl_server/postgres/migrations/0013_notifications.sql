-- What is to be told when runs end. `waits_in` is the queue in which a notification waits; null once that is over.
CREATE TABLE notifications (
    id bigint PRIMARY KEY,
    waits_in text COLLATE "C",
    document json NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX notifications_waiting ON notifications (waits_in, id) WHERE waits_in IS NOT NULL;
