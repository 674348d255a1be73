-- +migrate Up

-- Whether a user's devices have changed since a position, whatever their number.
CREATE INDEX device_changes_user ON device_changes (localpart, position);
CREATE INDEX own_view_changes_position ON own_view_changes (localpart, position);

-- Whose devices a local user need not be told of any more, and since when.
CREATE TABLE interest_lost (
    localpart TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    user_id   TEXT    NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (localpart, user_id)
) WITHOUT ROWID;
