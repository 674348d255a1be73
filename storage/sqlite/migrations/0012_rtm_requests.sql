-- +migrate Up

-- Which requests of the RTM API were done that have a key of their own. Rows are
-- forgotten by age, see Sweep. The sender need not be a user yet.
CREATE TABLE rtm_requests (
    request   BLOB    PRIMARY KEY, -- a hash of app, sender and key
    localpart TEXT    NOT NULL,    -- the sender
    body      BLOB    NOT NULL,    -- a hash of what was asked for
    answer_id TEXT    NOT NULL,    -- the request_id of the answer
    offline   INTEGER NOT NULL,    -- whether nobody was there to confirm the message
    at        INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX rtm_requests_at ON rtm_requests (at);
CREATE INDEX rtm_requests_sender ON rtm_requests (localpart);

-- Where the message of such a request was placed for devices that may confirm it. What
-- is not in inboxes any more has been confirmed.
CREATE TABLE rtm_deliveries (
    request  BLOB    NOT NULL REFERENCES rtm_requests ON DELETE CASCADE,
    inbox    INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    position INTEGER NOT NULL,
    PRIMARY KEY (request, inbox)
) WITHOUT ROWID;
CREATE INDEX rtm_deliveries_inbox ON rtm_deliveries (inbox);
