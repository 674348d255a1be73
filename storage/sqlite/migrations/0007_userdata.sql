-- +migrate Up

-- What users keep here for all their clients. There is no deleting it by itself: an
-- empty content is a value, too.
CREATE TABLE account_data (
    localpart TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    type      TEXT    NOT NULL,
    content   BLOB    NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (localpart, type)
) WITHOUT ROWID;
CREATE INDEX account_data_position ON account_data (localpart, position);

-- What of a sync clients want to see. digest is a hash of the filter.
CREATE TABLE filters (
    id        INTEGER PRIMARY KEY,
    localpart TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    digest    BLOB    NOT NULL,
    filter    BLOB    NOT NULL,
    UNIQUE (localpart, digest)
);

-- What users said of themselves last, and when that was.
CREATE TABLE presence (
    localpart  TEXT    PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    state      TEXT    NOT NULL CHECK (state IN ('online', 'offline', 'unavailable')),
    status_msg TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    position   INTEGER NOT NULL
) WITHOUT ROWID;

-- Where users want to be told of messages. inbox is that of the device that said so.
CREATE TABLE pushers (
    localpart TEXT    NOT NULL,
    app_id    TEXT    NOT NULL,
    pushkey   TEXT    NOT NULL,
    inbox     INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    pusher    BLOB    NOT NULL,
    PRIMARY KEY (localpart, app_id, pushkey)
) WITHOUT ROWID;
CREATE INDEX pushers_inbox ON pushers (inbox);
CREATE INDEX pushers_pushkey ON pushers (pushkey, app_id);
