-- What forges have to be told of commits; empty most of the time.
CREATE TABLE statuses (key text COLLATE "C" PRIMARY KEY, document json NOT NULL) WITH (fillfactor = 70);
