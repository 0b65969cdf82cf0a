-- When runs start by the clock. All of them are read at each look.
CREATE TABLE schedules (id bigint PRIMARY KEY, document json NOT NULL);
