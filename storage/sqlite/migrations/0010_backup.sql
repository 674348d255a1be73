-- +migrate Up

-- The highest version of a key backup that was given out to the user. Versions are
-- never reused.
ALTER TABLE users ADD COLUMN last_key_backup INTEGER NOT NULL DEFAULT 0;

-- keys and bytes count what is in it. The etag grows with each change of that. A
-- deleted one waits for its keys to be removed, some at a time.
CREATE TABLE key_backups (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    localpart TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    version   INTEGER NOT NULL,
    algorithm TEXT    NOT NULL,
    auth_data BLOB    NOT NULL,
    etag      INTEGER NOT NULL,
    keys      INTEGER NOT NULL DEFAULT 0,
    bytes     INTEGER NOT NULL DEFAULT 0,
    deleted   INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX key_backups_localpart ON key_backups (localpart);
CREATE UNIQUE INDEX key_backups_version ON key_backups (localpart, version) WHERE NOT deleted;
CREATE INDEX key_backups_deleted ON key_backups (id) WHERE deleted;

-- With a rowid: a row is about 1 KiB, too long to find others behind it quickly.
CREATE TABLE backed_up_keys (
    backup              INTEGER NOT NULL REFERENCES key_backups ON DELETE CASCADE,
    room_id             TEXT    NOT NULL,
    session_id          TEXT    NOT NULL,
    first_message_index INTEGER NOT NULL,
    forwarded_count     INTEGER NOT NULL,
    is_verified         INTEGER NOT NULL,
    session_data        BLOB    NOT NULL,
    PRIMARY KEY (backup, room_id, session_id)
);
