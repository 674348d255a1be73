-- +migrate Up

-- When an EDU was accepted; 0 where it was before this was kept.
ALTER TABLE outbox ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
