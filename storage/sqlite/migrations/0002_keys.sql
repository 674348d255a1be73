-- +migrate Up

ALTER TABLE users ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN avatar_url   TEXT NOT NULL DEFAULT '';

CREATE TABLE device_keys (
    inbox INTEGER PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    keys  BLOB    NOT NULL -- JSON as uploaded, without unsigned
);

-- What can be claimed, given out in the order of id.
CREATE TABLE one_time_keys (
    id        INTEGER PRIMARY KEY,
    inbox     INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    algorithm TEXT    NOT NULL,
    key_id    TEXT    NOT NULL,
    key       BLOB    NOT NULL,
    UNIQUE (inbox, algorithm, key_id)
);
CREATE INDEX one_time_keys_order ON one_time_keys (inbox, algorithm, id);

-- How many of them there are, and were after the last upload that added some.
CREATE TABLE one_time_key_counts (
    inbox     INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    algorithm TEXT    NOT NULL,
    remaining INTEGER NOT NULL,
    uploaded  INTEGER NOT NULL,
    PRIMARY KEY (inbox, algorithm)
) WITHOUT ROWID;

-- Keys that were given out: uploaded again, they are not given out again.
CREATE TABLE claimed_keys (
    inbox INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    key   BLOB    NOT NULL, -- a hash of its name and what of it is signed
    PRIMARY KEY (inbox, key)
) WITHOUT ROWID;

CREATE TABLE fallback_keys (
    inbox     INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    algorithm TEXT    NOT NULL,
    key_id    TEXT    NOT NULL,
    key       BLOB    NOT NULL,
    used      INTEGER NOT NULL,
    PRIMARY KEY (inbox, algorithm)
) WITHOUT ROWID;

-- Also of users of other servers.
CREATE TABLE cross_signing_keys (
    user_id TEXT NOT NULL,
    usage   TEXT NOT NULL CHECK (usage IN ('master', 'self_signing', 'user_signing')),
    key     BLOB NOT NULL,
    PRIMARY KEY (user_id, usage)
) WITHOUT ROWID;

-- Signatures made after the key they sign was uploaded. A target_key is a device ID
-- or the public key of a cross-signing key.
CREATE TABLE signatures (
    target     TEXT NOT NULL,
    target_key TEXT NOT NULL,
    signer     TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    signature  TEXT NOT NULL,
    PRIMARY KEY (target, target_key, signer, key_id)
) WITHOUT ROWID;
CREATE INDEX signatures_signer ON signatures (signer, key_id);

-- The latest change of each device of a local user, deleted devices included. The
-- device '' stands for the user's own keys.
CREATE TABLE device_changes (
    localpart TEXT    NOT NULL,
    device_id TEXT    NOT NULL,
    position  INTEGER NOT NULL,
    deleted   INTEGER NOT NULL,
    PRIMARY KEY (localpart, device_id)
) WITHOUT ROWID;
CREATE INDEX device_changes_position ON device_changes (position);

-- Changes of how user_id's keys look that only a local user's own devices see.
CREATE TABLE own_view_changes (
    localpart TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (localpart, user_id)
) WITHOUT ROWID;

-- Which servers asked for the keys or devices of a local user, and when they last
-- did, to the hour.
CREATE TABLE remote_interest (
    server    TEXT    NOT NULL,
    localpart TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    at        INTEGER NOT NULL,
    PRIMARY KEY (localpart, server)
) WITHOUT ROWID;
CREATE INDEX remote_interest_at ON remote_interest (at);

CREATE TABLE openid_tokens (
    hash      BLOB    PRIMARY KEY,
    localpart TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    expires   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX openid_tokens_expires ON openid_tokens (expires);
