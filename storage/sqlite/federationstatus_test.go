package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

func TestBacklogsTellOfEveryServerThatIsNotWell(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "chappe.db")
	if _, err := ReadBacklogs(ctx, path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a database: %v", err)
	}
	s := open(t, path, Options{})
	read := func() map[spec.ServerName]todevice.Backlog {
		t.Helper()
		list, err := ReadBacklogs(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		all := map[spec.ServerName]todevice.Backlog{}
		for i, b := range list {
			if i > 0 && b.Waiting > list[i-1].Waiting {
				t.Errorf("%s comes before %s, for which more waits", list[i-1].Server, b.Server)
			}
			all[b.Server] = b
		}
		return all
	}
	if got := read(); len(got) != 0 {
		t.Errorf("nothing waits, and there is %+v", got)
	}

	before := time.Now().Truncate(time.Millisecond)
	queue(t, s, "waits.test", `{"n":1}`)
	queue(t, s, "fails.test", `{"n":2}`, `{"n":3}`)
	queue(t, s, "refuses.test", `{"n":4}`)
	after := time.Now()
	txn := next(t, s, "fails.test", 1000)
	retryAt := time.UnixMilli(before.UnixMilli() + 60_000)
	if err := s.TransactionFailed(ctx, todevice.Destination{Server: "fails.test", Failures: 3, RetryAt: retryAt}, "HTTP 503"); err != nil {
		t.Fatal(err)
	}
	poison := next(t, s, "refuses.test", 1000)
	if err := s.GiveUpTransaction(ctx, "refuses.test", poison.ID, "HTTP 400"); err != nil {
		t.Fatal(err)
	}

	got := read()
	if len(got) != 3 {
		t.Errorf("%d servers, want 3: %+v", len(got), got)
	}
	for _, server := range []spec.ServerName{"waits.test", "fails.test"} {
		if at := got[server].Oldest; at.Before(before) || at.After(after) {
			t.Errorf("%s: the oldest is from %v, want %v to %v", server, at, before, after)
		}
	}
	if b := got["waits.test"]; b.Waiting != 1 || b.Failures != 0 || b.LastError != "" || b.TxnID != "" || !b.RetryAt.IsZero() {
		t.Errorf("waits.test: %+v", b)
	}
	if b := got["fails.test"]; b.Waiting != 2 || b.Failures != 3 || b.LastError != "HTTP 503" || b.TxnID != txn.ID ||
		!b.TxnCreated.Equal(txn.Created) || !b.RetryAt.Equal(retryAt) {
		t.Errorf("fails.test: %+v", b)
	}
	if b := got["refuses.test"]; b.Waiting != 0 || !b.Oldest.IsZero() || b.DeadLetters.Count != 1 || b.DeadLetters.LastReason != "HTTP 400" {
		t.Errorf("refuses.test: %+v", b)
	}

	if err := s.ForgetFailures(ctx, "fails.test"); err != nil {
		t.Fatal(err)
	}
	if b := read()["fails.test"]; b.Failures != 0 || !b.RetryAt.IsZero() || b.LastError != "HTTP 503" {
		t.Errorf("after its failures were forgotten: %+v", b)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(); len(got) != 3 {
		t.Errorf("once the server has stopped there is %+v", got)
	}
}

func TestOldestMayBeOfEitherClass(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	queueOthers(t, s, "x.test", "from before times were written down")
	queueOthers(t, s, "y.test", "from before times were written down")
	err := s.write(ctx, func(t *tx) error {
		for class, at := range []int64{7, 5} {
			_, err := t.exec(`INSERT INTO outbox (server, class, position, edu, at) VALUES ('x.test', ?, ?, x'', ?)`, class, t.position(), at)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadBacklogs(ctx, path)
	if err != nil || len(got) != 2 || got[0].Waiting != 3 || got[0].Oldest.UnixMilli() != 5 || got[1].Waiting != 1 || !got[1].Oldest.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}
