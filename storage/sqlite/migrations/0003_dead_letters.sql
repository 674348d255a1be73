-- +migrate Up

-- The class comes before the position: to-device messages are 0 and go first, what
-- tells of keys and devices is 1 and has what room they leave.
CREATE TABLE outbox_by_class (
    server   TEXT    NOT NULL,
    class    INTEGER NOT NULL DEFAULT 0 CHECK (class IN (0, 1)),
    position INTEGER NOT NULL,
    edu      BLOB    NOT NULL,
    PRIMARY KEY (server, class, position)
) WITHOUT ROWID;
INSERT INTO outbox_by_class (server, class, position, edu) SELECT server, 0, position, edu FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_by_class RENAME TO outbox;

-- The transaction in flight is the rows of class 0 up to txn_upto and those of class
-- 1 up to txn_upto_1. Its destination has refused it txn_refusals times for what is
-- in it. max_edus is not 0 while the transactions of a server are kept small, after
-- one was refused.
ALTER TABLE destinations ADD COLUMN txn_upto_1   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE destinations ADD COLUMN txn_refusals INTEGER NOT NULL DEFAULT 0;
ALTER TABLE destinations ADD COLUMN max_edus     INTEGER NOT NULL DEFAULT 0;

-- EDUs that their server refuses for good. Rows are forgotten by age, see Sweep.
CREATE TABLE dead_letters (
    position INTEGER PRIMARY KEY,
    server   TEXT    NOT NULL,
    edu      BLOB    NOT NULL,
    at       INTEGER NOT NULL,
    reason   TEXT    NOT NULL
);
CREATE INDEX dead_letters_server ON dead_letters (server, at);
CREATE INDEX dead_letters_at ON dead_letters (at);
