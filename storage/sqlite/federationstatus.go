package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// ReadBacklogs tells of all servers for which something waits, has failed or was
// given up, those first for which most waits. It only reads, and the database may be in
// use by a server. It fails with fs.ErrNotExist if there is no database.
func ReadBacklogs(ctx context.Context, path string) (_ []todevice.Backlog, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("read the database: %w", err)
	}
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_busy_timeout=10000&mode=ro&_query_only=on")
	if err != nil {
		return nil, fmt.Errorf("read the database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// Counting reads every waiting row, and nothing else does: of the oldest it is enough
	// to find the first of each class.
	rows, err := db.QueryContext(ctx, `WITH waits (server, waiting) AS MATERIALIZED
			(SELECT server, count(*) FROM outbox GROUP BY server),
		named (server) AS
			(SELECT server FROM waits UNION SELECT server FROM destinations UNION SELECT server FROM dead_letters)
		SELECT server, coalesce(waiting, 0) AS waiting,
			coalesce((SELECT min(at) FROM (
				SELECT * FROM (SELECT at FROM outbox o WHERE o.server = n.server AND class = 0 AND at > 0 ORDER BY position LIMIT 1) UNION ALL
				SELECT * FROM (SELECT at FROM outbox o WHERE o.server = n.server AND class = 1 AND at > 0 ORDER BY position LIMIT 1))), 0),
			coalesce(failures, 0), coalesce(retry_at, 0), coalesce(last_error, ''), coalesce(txn_id, ''), coalesce(txn_created, 0),
			(SELECT count(*) FROM dead_letters l WHERE l.server = n.server),
			coalesce((SELECT min(at) FROM dead_letters l WHERE l.server = n.server), 0),
			coalesce((SELECT reason FROM dead_letters l WHERE l.server = n.server ORDER BY at DESC, position DESC LIMIT 1), '')
		FROM named n LEFT JOIN waits USING (server) LEFT JOIN destinations USING (server) ORDER BY 2 DESC, server`)
	backlogs, err := collect(rows, err, readBacklog)
	if err != nil {
		return nil, fmt.Errorf("read what waits for other servers (was the database made by another version?): %w", err)
	}
	return backlogs, nil
}

func readBacklog(rows *sql.Rows) (b todevice.Backlog, err error) {
	var oldest, retryAt, created, given int64
	err = rows.Scan(&b.Server, &b.Waiting, &oldest, &b.Failures, &retryAt, &b.LastError, &b.TxnID, &created,
		&b.DeadLetters.Count, &given, &b.DeadLetters.LastReason)
	b.Oldest, b.RetryAt, b.TxnCreated, b.DeadLetters.Oldest = timeOf(oldest), timeOf(retryAt), timeOf(created), timeOf(given)
	return b, err
}

// timeOf gives the time that is stored, the zero time for 0.
func timeOf(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}
