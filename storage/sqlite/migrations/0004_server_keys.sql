-- +migrate Up

-- What other servers have published of their keys, as they wrote and signed it: it
-- is passed on to those who ask this server for the keys of another.
CREATE TABLE server_key_objects (
    id     INTEGER PRIMARY KEY,
    server TEXT    NOT NULL,
    object BLOB    NOT NULL
);
CREATE INDEX server_key_objects_server ON server_key_objects (server);

-- Listed in old_verify_keys: not for requests any more.
ALTER TABLE server_keys ADD COLUMN old INTEGER NOT NULL DEFAULT 0;
-- The latest object the key stands in; NULL for a key from before there were any.
ALTER TABLE server_keys ADD COLUMN object INTEGER REFERENCES server_key_objects;
