-- +migrate Up

-- What is kept of RTM channels under a key. Rows go when their channel has been empty for
-- some minutes.
CREATE TABLE channel_attributes (
    app       TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    uid       TEXT    NOT NULL, -- who set it, as the app knows them; "" for who is no more
    localpart TEXT    NOT NULL, -- the same, as users have it
    at        INTEGER NOT NULL,
    PRIMARY KEY (app, channel, key)
) WITHOUT ROWID;
CREATE INDEX channel_attributes_localpart ON channel_attributes (localpart);

-- Matrix users, of any server, who are in RTM channels without a session.
CREATE TABLE channel_guests (
    app       TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    localpart TEXT    NOT NULL, -- of a user of this server, '' for any other
    heard     INTEGER NOT NULL, -- when the user last joined or said something
    PRIMARY KEY (app, channel, user_id)
) WITHOUT ROWID;
CREATE INDEX channel_guests_localpart ON channel_guests (localpart);
CREATE INDEX channel_guests_heard ON channel_guests (heard);
