-- +migrate Up

-- Until when a message is kept that is kept for a time only; NULL where it is kept until
-- it is confirmed. Such rows are in neither index.
ALTER TABLE inboxes ADD COLUMN expires INTEGER;
CREATE INDEX inboxes_latest ON inboxes (inbox, position, expires) WHERE expires IS NOT NULL;
CREATE INDEX inboxes_expires ON inboxes (expires) WHERE expires IS NOT NULL;
