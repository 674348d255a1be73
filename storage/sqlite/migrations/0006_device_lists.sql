-- +migrate Up

-- Whose devices a local user must know of, here or on other servers: of those whose
-- keys it asked for, and those it exchanged messages with, by when it last did, to
-- the hour.
CREATE TABLE interest (
    user_id   TEXT    NOT NULL,
    localpart TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    at        INTEGER NOT NULL,
    PRIMARY KEY (user_id, localpart)
) WITHOUT ROWID;
CREATE INDEX interest_localpart ON interest (localpart);
CREATE INDEX interest_at ON interest (at);

-- The stream ID of what the server was last told of the user, 0 for nothing.
ALTER TABLE remote_interest ADD COLUMN told INTEGER NOT NULL DEFAULT 0;

-- Changes of local users' devices that other servers wait for, of each device the
-- latest. An EDU is made of one when there is room for it in a transaction.
CREATE TABLE device_list_outbox (
    server    TEXT    NOT NULL,
    localpart TEXT    NOT NULL,
    device_id TEXT    NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (server, localpart, device_id)
) WITHOUT ROWID;
CREATE INDEX device_list_outbox_order ON device_list_outbox (server, position);

-- The devices of users of other servers. stream_id is their server's, 0 where it is
-- not known. stale is not 0 while the server must be asked for all of the list; it
-- grows each time that turns out.
CREATE TABLE remote_device_lists (
    user_id   TEXT    PRIMARY KEY,
    server    TEXT    NOT NULL,
    stream_id INTEGER NOT NULL,
    stale     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX remote_device_lists_stale ON remote_device_lists (server) WHERE stale;

CREATE TABLE remote_devices (
    user_id      TEXT NOT NULL REFERENCES remote_device_lists ON DELETE CASCADE,
    device_id    TEXT NOT NULL,
    display_name TEXT NOT NULL,
    keys         BLOB NOT NULL,
    PRIMARY KEY (user_id, device_id)
) WITHOUT ROWID;

-- The latest change of each of them.
CREATE TABLE remote_device_changes (
    user_id  TEXT    PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX remote_device_changes_position ON remote_device_changes (position);
