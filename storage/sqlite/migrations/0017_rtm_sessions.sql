-- +migrate Up

-- The last session of each RTM user. A client that comes back under its name does not ask
-- for what was stored meanwhile, and must be sent it.
CREATE TABLE rtm_sessions (
    inbox       INTEGER PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    app         TEXT    NOT NULL,
    uid         TEXT    NOT NULL,
    sid         TEXT    NOT NULL, -- the name its client gave it
    token_until INTEGER NOT NULL, -- when the token that was shown or renewed last is over, in Unix seconds
    standing    INTEGER NOT NULL  -- 0 once it has ended
);
CREATE INDEX rtm_sessions_standing ON rtm_sessions (inbox) WHERE standing;
