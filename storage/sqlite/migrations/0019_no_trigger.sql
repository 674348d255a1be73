-- +migrate Up

-- Who deletes from inboxes lets go of broadcasts first, see leaveBroadcasts. The
-- trigger cost every confirmation, though hardly any is of a broadcast.
DROP TRIGGER broadcast_left;
