-- +migrate Up

-- One row: what belongs to the database as a whole.
CREATE TABLE this (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    server_name TEXT    NOT NULL,
    -- Random, made with the database: a sync token of another database is not ours.
    epoch       BLOB    NOT NULL,
    -- The highest position given out. Positions are never reused.
    head        INTEGER NOT NULL
);

CREATE TABLE users (
    localpart     TEXT    PRIMARY KEY,
    password_hash TEXT    NOT NULL,
    admin         INTEGER NOT NULL,
    created       INTEGER NOT NULL
) WITHOUT ROWID;

-- AUTOINCREMENT: the number of a deleted device is never given to another.
CREATE TABLE devices (
    inbox        INTEGER PRIMARY KEY AUTOINCREMENT,
    localpart    TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    device_id    TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    last_seen_ip TEXT    NOT NULL,
    last_seen    INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    UNIQUE (localpart, device_id)
);

CREATE TABLE access_tokens (
    hash    BLOB    PRIMARY KEY,
    inbox   INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX access_tokens_inbox ON access_tokens (inbox);

-- What waits for local devices. event is NULL where the message went to several
-- devices and stands once in broadcasts, under the same position.
CREATE TABLE inboxes (
    inbox    INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    position INTEGER NOT NULL,
    event    BLOB,
    PRIMARY KEY (inbox, position)
) WITHOUT ROWID;

CREATE TABLE broadcasts (
    position INTEGER PRIMARY KEY,
    event    BLOB    NOT NULL,
    waiting  INTEGER NOT NULL -- rows of inboxes that refer to this one
);

-- +migrate StatementBegin
CREATE TRIGGER broadcast_left AFTER DELETE ON inboxes WHEN old.event IS NULL
BEGIN
    UPDATE broadcasts SET waiting = waiting - 1 WHERE position = old.position;
    DELETE FROM broadcasts WHERE position = old.position AND waiting = 0;
END;
-- +migrate StatementEnd

-- Which requests were done. Rows are forgotten by age, see Sweep.
CREATE TABLE client_requests (
    inbox   INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    request BLOB    NOT NULL, -- a hash of endpoint, event type and transaction ID
    at      INTEGER NOT NULL,
    PRIMARY KEY (inbox, request)
) WITHOUT ROWID;
CREATE INDEX client_requests_at ON client_requests (at);

CREATE TABLE received_transactions (
    origin TEXT    NOT NULL,
    txn_id TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (origin, txn_id)
) WITHOUT ROWID;
CREATE INDEX received_transactions_at ON received_transactions (at);

CREATE TABLE received_messages (
    origin     TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (origin, message_id)
) WITHOUT ROWID;
CREATE INDEX received_messages_at ON received_messages (at);

-- What waits for other servers.
CREATE TABLE outbox (
    server   TEXT    NOT NULL,
    position INTEGER NOT NULL,
    edu      BLOB    NOT NULL,
    PRIMARY KEY (server, position)
) WITHOUT ROWID;

-- A row while there is something to remember of a server: the transaction in
-- flight (the rows of outbox up to txn_upto), or failures since the last success.
CREATE TABLE destinations (
    server      TEXT    PRIMARY KEY,
    txn_id      TEXT,
    txn_created INTEGER,
    txn_upto    INTEGER,
    failures    INTEGER NOT NULL,
    retry_at    INTEGER NOT NULL,
    last_error  TEXT    NOT NULL
) WITHOUT ROWID;

CREATE TABLE server_keys (
    server      TEXT    NOT NULL,
    key_id      TEXT    NOT NULL,
    public      BLOB    NOT NULL,
    valid_until INTEGER NOT NULL,
    fetched     INTEGER NOT NULL,
    PRIMARY KEY (server, key_id)
) WITHOUT ROWID;
