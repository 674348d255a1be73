-- +migrate Up

-- What programs are told of the users of RTM apps. Each app has a stream of events for
-- each kind; the numbers in a stream are consecutive, so that who has read up to one can
-- tell whether something was lost since. Only the latest are kept.
CREATE TABLE rtm_event_streams (
    stream  INTEGER PRIMARY KEY,
    app_id  TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    head    INTEGER NOT NULL, -- the number of the latest event
    drained INTEGER NOT NULL, -- the number of the last one that a drain has given out
    UNIQUE (app_id, kind)
);

CREATE TABLE rtm_events (
    stream  INTEGER NOT NULL REFERENCES rtm_event_streams ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    type    TEXT    NOT NULL,
    uid     TEXT    NOT NULL,
    channel TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (stream, number)
) WITHOUT ROWID;

-- A row for each webhook that an event was for. hook is made of app and URL. The events
-- of a webhook are numbered without a gap.
CREATE TABLE rtm_webhooks (
    hook     TEXT    PRIMARY KEY,
    head     INTEGER NOT NULL, -- the number of its latest event
    failures INTEGER NOT NULL, -- since the last success
    retry_at INTEGER NOT NULL
) WITHOUT ROWID;

-- What waits for webhooks.
CREATE TABLE rtm_webhook_events (
    hook       TEXT    NOT NULL REFERENCES rtm_webhooks ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    event_id   TEXT    NOT NULL,
    app_id     TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    uid        TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    recorded   INTEGER NOT NULL,
    PRIMARY KEY (hook, number)
) WITHOUT ROWID;
CREATE INDEX rtm_webhook_events_recorded ON rtm_webhook_events (recorded);

-- What was given up. Rows are forgotten by age and number.
CREATE TABLE rtm_webhook_dead (
    hook       TEXT    NOT NULL REFERENCES rtm_webhooks ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    event_id   TEXT    NOT NULL,
    app_id     TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    uid        TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    given_up   INTEGER NOT NULL,
    PRIMARY KEY (hook, number)
) WITHOUT ROWID;
CREATE INDEX rtm_webhook_dead_given_up ON rtm_webhook_dead (given_up);
