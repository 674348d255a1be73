package simulation

import (
	"database/sql"

	"github.com/chappe-im/chappe/internal/crashdisk"
)

// A Bug is planted to see that the simulation finds it.
type Bug int

// The bugs that can be planted.
const (
	NoBug Bug = iota
	// DedupForgotten: which transactions and EDUs were received is not remembered.
	DedupForgotten
	// AckOffByOne: a confirmation removes one position more than was handed out.
	AckOffByOne
	// UnsyncedCommit: commits are answered before they are on the disk.
	UnsyncedCommit
	// StaleForgotten: a device list that is stale is taken for complete, and not asked for.
	StaleForgotten
)

// driver names the database/sql driver that goes with the bug.
func (b Bug) driver() string {
	if b == UnsyncedCommit {
		return crashdisk.Unsynced
	}
	return crashdisk.Driver
}

// schema is what the bug changes in a database.
func (b Bug) schema() string {
	switch b {
	case DedupForgotten:
		return `
			CREATE TRIGGER forget_transaction AFTER INSERT ON received_transactions
			BEGIN DELETE FROM received_transactions; END;
			CREATE TRIGGER forget_message AFTER INSERT ON received_messages
			BEGIN DELETE FROM received_messages; END`
	case AckOffByOne:
		return `
			CREATE TRIGGER one_more AFTER DELETE ON inboxes
			BEGIN DELETE FROM inboxes WHERE inbox = old.inbox AND position = old.position + 1; END`
	case StaleForgotten:
		return `
			CREATE TRIGGER forget_stale_new AFTER INSERT ON remote_device_lists WHEN new.stale
			BEGIN UPDATE remote_device_lists SET stale = 0 WHERE user_id = new.user_id; END;
			CREATE TRIGGER forget_stale AFTER UPDATE ON remote_device_lists WHEN new.stale
			BEGIN UPDATE remote_device_lists SET stale = 0 WHERE user_id = new.user_id; END`
	}
	return ""
}

// plant changes a database.
func (b Bug) plant(path string) error {
	if b.schema() == "" {
		return nil
	}
	db, err := sql.Open(b.driver(), "file:"+path+"?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.Exec(b.schema())
	return err
}
