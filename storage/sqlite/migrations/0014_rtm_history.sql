-- +migrate Up

-- Messages of RTM apps that are kept for their history. The oldest are removed as they
-- come in (rtmhistory.go), and by age in Sweep. Users stand here under their whole IDs:
-- they may be of another server, and need not be users yet.
CREATE TABLE rtm_history (
    id          INTEGER PRIMARY KEY,
    app         TEXT    NOT NULL,
    channel     INTEGER NOT NULL, -- whether destination is the name of a channel
    source      TEXT    NOT NULL, -- a user ID
    destination TEXT    NOT NULL, -- a user ID, or the name of a channel
    at          INTEGER NOT NULL, -- when the server received it
    bytes       INTEGER NOT NULL, -- the room it is counted for
    payload     TEXT    NOT NULL
);
CREATE INDEX rtm_history_source ON rtm_history (app, source, at, channel, destination);
CREATE INDEX rtm_history_destination ON rtm_history (app, channel, destination, at, source);
CREATE INDEX rtm_history_app ON rtm_history (app);
CREATE INDEX rtm_history_at ON rtm_history (at);

-- What the history of each app takes, so that no message need count it.
CREATE TABLE rtm_history_sizes (
    app   TEXT    NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;

-- +migrate StatementBegin
CREATE TRIGGER rtm_history_in AFTER INSERT ON rtm_history BEGIN
    INSERT INTO rtm_history_sizes (app, bytes) VALUES (new.app, new.bytes)
        ON CONFLICT (app) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
-- +migrate StatementEnd
-- +migrate StatementBegin
CREATE TRIGGER rtm_history_out AFTER DELETE ON rtm_history BEGIN
    UPDATE rtm_history_sizes SET bytes = bytes - old.bytes WHERE app = old.app;
END;
-- +migrate StatementEnd

-- Which users were in which channels: they may read what was said there.
CREATE TABLE rtm_channel_visits (
    app     TEXT    NOT NULL,
    channel TEXT    NOT NULL,
    user_id TEXT    NOT NULL,
    at      INTEGER NOT NULL, -- when this was last noted
    PRIMARY KEY (app, channel, user_id)
) WITHOUT ROWID;
CREATE INDEX rtm_channel_visits_user ON rtm_channel_visits (user_id, at);
CREATE INDEX rtm_channel_visits_at ON rtm_channel_visits (at);
