package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"
	migrate "github.com/rubenv/sql-migrate"

	"github.com/chappe-im/chappe/todevice"
)

// queueOthers places EDUs in the outbox that are no messages to devices.
func queueOthers(t testing.TB, s *Store, server spec.ServerName, edus ...string) {
	t.Helper()
	err := s.write(context.Background(), func(t *tx) error {
		for _, edu := range edus {
			_, err := t.exec(`INSERT INTO outbox (server, class, position, edu) VALUES (?, 1, ?, ?)`, string(server), t.position(), []byte(edu))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// labelled gives so many EDUs, all of the same length.
func labelled(kind string, n int) (edus []string) {
	for i := range n {
		edus = append(edus, fmt.Sprintf(`{"%s":%04d}`, kind, i))
	}
	return edus
}

func texts(txn *todevice.Transaction) (edus []string) {
	for _, edu := range txn.EDUs {
		edus = append(edus, string(edu))
	}
	return edus
}

func done(t testing.TB, s *Store, txn *todevice.Transaction) {
	t.Helper()
	if err := s.TransactionDone(context.Background(), txn.Destination, txn.ID); err != nil {
		t.Fatal(err)
	}
}

func TestOtherEDUsDelayNoMessage(t *testing.T) {
	s := newStore(t)
	others := labelled("other", 1000)
	queueOthers(t, s, "x.test", others...)
	first := next(t, s, "x.test", 1<<20)
	if !slices.Equal(texts(first), others[:100]) {
		t.Fatalf("the first transaction holds %q", texts(first))
	}
	messages := labelled("message", 30)
	queue(t, s, "x.test", messages...)
	if again := next(t, s, "x.test", 1<<20); !reflect.DeepEqual(again, first) {
		t.Fatalf("the transaction in flight was\n%+v and is\n%+v", first, again)
	}
	done(t, s, first)
	second := next(t, s, "x.test", 1<<20)
	if want := append(messages, others[100:170]...); !slices.Equal(texts(second), want) {
		t.Errorf("the next transaction holds %q", texts(second))
	}
	got := append(texts(first), texts(second)[30:]...)
	for txn := second; ; got = append(got, texts(txn)...) {
		done(t, s, txn)
		if txn = next(t, s, "x.test", 1<<20); txn == nil {
			break
		}
	}
	if !slices.Equal(got, others) {
		t.Errorf("of the others came %d, want all %d in order", len(got), len(others))
	}
}

func TestOtherEDUsFillWhatIsLeft(t *testing.T) {
	for _, c := range []struct {
		name             string
		messages, others []string
		want             int
	}{
		{"of the count", slices.Repeat([]string{"m"}, 99), labelled("o", 5), 100},
		{"of the bytes", []string{strings.Repeat("m", 900)}, labelled("o", 50), 1 + 100/len(`{"o":0000}`)},
		{"of nothing", []string{strings.Repeat("m", 2000)}, labelled("o", 5), 1},
		{"with nothing before them", nil, []string{strings.Repeat("o", 2000), "o"}, 1},
	} {
		s := newStore(t)
		queueOthers(t, s, "x.test", c.others...)
		queue(t, s, "x.test", c.messages...)
		txn := next(t, s, "x.test", 1000)
		if want := append(slices.Clone(c.messages), c.others...)[:c.want]; !slices.Equal(texts(txn), want) {
			t.Errorf("%s: got %d EDUs, want %d", c.name, len(txn.EDUs), c.want)
		}
	}
}

func TestSplitTransactionIsRepeatedAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	ctx := context.Background()
	reopen := func() {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path, Options{})
	}
	messages, others := labelled("m", 6), labelled("o", 6)
	queue(t, s, "x.test", messages...)
	queueOthers(t, s, "x.test", others...)
	whole := next(t, s, "x.test", 1<<20)
	if err := s.TransactionRefused(ctx, "x.test", whole.ID); err != nil {
		t.Fatal(err)
	}
	reopen()
	if again := next(t, s, "x.test", 1<<20); again.Refusals != 1 || again.ID != whole.ID || !slices.Equal(texts(again), texts(whole)) {
		t.Fatalf("the refused transaction was\n%+v and is\n%+v", whole, again)
	}
	if err := s.SplitTransaction(ctx, "x.test", "another", 1); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also if it was not heard that it was done
		if err := s.SplitTransaction(ctx, "x.test", whole.ID, 8); err != nil {
			t.Fatal(err)
		}
	}
	reopen()
	part := next(t, s, "x.test", 1<<20)
	want := append(slices.Clone(messages), others[:2]...)
	if part.ID == whole.ID || part.Refusals != 0 || !part.Reduced || !slices.Equal(texts(part), want) {
		t.Fatalf("the part is %+v", part)
	}
	queue(t, s, "x.test", "late")
	reopen()
	if again := next(t, s, "x.test", 1<<20); !reflect.DeepEqual(again, part) {
		t.Errorf("the part was\n%+v and is\n%+v", part, again)
	}
	done(t, s, part)
	if rest := next(t, s, "x.test", 1<<20); !slices.Equal(texts(rest), append([]string{"late"}, others[2:]...)) {
		t.Errorf("the rest is %q", texts(rest))
	}
}

func TestTransactionsGrowAgainAfterASplit(t *testing.T) {
	s := newStore(t)
	queue(t, s, "x.test", labelled("m", 200)...)
	if err := s.SplitTransaction(context.Background(), "x.test", next(t, s, "x.test", 1<<20).ID, 20); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for txn := next(t, s, "x.test", 1<<20); txn != nil; txn = next(t, s, "x.test", 1<<20) {
		sizes = append(sizes, len(txn.EDUs))
		done(t, s, txn)
	}
	if want := []int{20, 40, 80, 60}; !slices.Equal(sizes, want) || rows(t, s, "destinations") != 0 {
		t.Errorf("transactions of %v EDUs, want %v; %d destinations remembered", sizes, want, rows(t, s, "destinations"))
	}
}

// A server that is upgraded in the middle of its work repeats the transaction in
// flight as any other restart does.
func TestUpgradeKeepsTheTransactionInFlight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	old, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	set := migrate.MigrationSet{TableName: "schema_migrations"}
	source := migrate.EmbedFileSystemMigrationSource{FileSystem: migrations, Root: "migrations"}
	if _, err := set.ExecMax(old, "sqlite3", source, migrate.Up, 2); err != nil {
		t.Fatal(err)
	}
	_, err = old.Exec(`INSERT INTO outbox (server, position, edu) VALUES ('x.test', 3, x'61'), ('x.test', 5, x'62'), ('x.test', 6, x'63'), ('y.test', 4, x'64');
		INSERT INTO destinations (server, txn_id, txn_created, txn_upto, failures, retry_at, last_error) VALUES ('x.test', 'id', 7, 5, 2, 8, 'e')`)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, Options{})
	txn := next(t, s, "x.test", 1<<20)
	if txn.ID != "id" || txn.Created.UnixMilli() != 7 || !slices.Equal(texts(txn), []string{"a", "b"}) {
		t.Errorf("the transaction in flight is %+v", txn)
	}
	done(t, s, txn)
	if got := append(texts(next(t, s, "x.test", 1<<20)), texts(next(t, s, "y.test", 1<<20))...); !slices.Equal(got, []string{"c", "d"}) {
		t.Errorf("behind it waits %q", got)
	}
}
