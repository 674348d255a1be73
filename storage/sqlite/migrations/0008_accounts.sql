-- +migrate Up

-- Users who are no more. Nobody gets their names again.
CREATE TABLE deactivated_users (
    localpart TEXT    PRIMARY KEY,
    created   INTEGER NOT NULL,
    at        INTEGER NOT NULL
) WITHOUT ROWID;

-- As before, but not gone with its user: the servers are still to be told that there
-- are no devices any more.
CREATE TABLE remote_interest_of_all (
    server    TEXT    NOT NULL,
    localpart TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    told      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (localpart, server)
) WITHOUT ROWID;
INSERT INTO remote_interest_of_all (server, localpart, at, told) SELECT server, localpart, at, told FROM remote_interest;
DROP TABLE remote_interest;
ALTER TABLE remote_interest_of_all RENAME TO remote_interest;
CREATE INDEX remote_interest_at ON remote_interest (at);

-- expires is 0 where a token does not end by itself. refreshes is how often the
-- tokens had been refreshed since the login when this one was made.
ALTER TABLE access_tokens ADD COLUMN expires   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access_tokens ADD COLUMN refreshes INTEGER NOT NULL DEFAULT 0;

-- By which the next tokens are had. Those with fewer refreshes than another of the
-- device are there until one of the newer tokens is used.
CREATE TABLE refresh_tokens (
    hash      BLOB    PRIMARY KEY,
    inbox     INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    refreshes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_inbox ON refresh_tokens (inbox, refreshes);

-- With each a user can log in once.
CREATE TABLE login_tokens (
    hash      BLOB    PRIMARY KEY,
    localpart TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    expires   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX login_tokens_localpart ON login_tokens (localpart);
CREATE INDEX login_tokens_expires ON login_tokens (expires);

-- By which strangers may register, shown to the operator as they are. uses is how
-- many accounts may be made with one, NULL for any number; expires is NULL for never.
CREATE TABLE registration_tokens (
    token   TEXT    PRIMARY KEY,
    uses    INTEGER,
    used    INTEGER NOT NULL,
    expires INTEGER,
    created INTEGER NOT NULL
) WITHOUT ROWID;
