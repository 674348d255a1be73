package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

func queue(t testing.TB, s *Store, server spec.ServerName, edus ...string) {
	t.Helper()
	var b todevice.Batch
	for _, edu := range edus {
		b.EDUs = append(b.EDUs, todevice.EDU{Destination: server, JSON: []byte(edu)})
	}
	accept(t, s, b)
}

func next(t testing.TB, s *Store, server spec.ServerName, maxBytes int) *todevice.Transaction {
	t.Helper()
	txn, err := s.NextTransaction(context.Background(), server, "", 100, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return txn
}

func TestTransactionInFlightOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	queue(t, s, "x.test", `{"n":1}`, `{"n":2}`)
	first := next(t, s, "x.test", 1000)
	queue(t, s, "x.test", `{"n":3}`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	if again := next(t, s, "x.test", 1000); !reflect.DeepEqual(again, first) {
		t.Errorf("the transaction in flight was\n%+v and is\n%+v", first, again)
	}
	ctx := context.Background()
	if err := s.TransactionDone(ctx, "x.test", "another"); err != nil {
		t.Fatal(err)
	}
	if rows(t, s, "outbox") != 3 {
		t.Error("the end of another transaction removed EDUs")
	}
	if err := s.TransactionDone(ctx, "x.test", first.ID); err != nil {
		t.Fatal(err)
	}
	if second := next(t, s, "x.test", 1000); second.ID == first.ID || len(second.EDUs) != 1 || string(second.EDUs[0]) != `{"n":3}` {
		t.Errorf("the next transaction is %+v", second)
	}
}

func TestTransactionIsPackedByCountAndBytes(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	var edus []string
	for n := range 250 {
		edus = append(edus, fmt.Sprintf(`{"n":%03d}`, n))
	}
	queue(t, s, "x.test", edus...)
	queue(t, s, "y.test", strings.Repeat("y", 5000), "1", "2")
	var got []string
	for _, want := range []int{100, 100, 50} {
		txn := next(t, s, "x.test", 1<<20)
		if len(txn.EDUs) != want {
			t.Fatalf("%d EDUs in a transaction, want %d", len(txn.EDUs), want)
		}
		for _, edu := range txn.EDUs {
			got = append(got, string(edu))
		}
		if err := s.TransactionDone(ctx, "x.test", txn.ID); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(got, edus) {
		t.Error("the EDUs went out in another order than they were accepted in")
	}
	if txn := next(t, s, "x.test", 1<<20); txn != nil {
		t.Errorf("nothing waits, but there is %+v", txn)
	}
	if txn := next(t, s, "y.test", 1000); len(txn.EDUs) != 1 {
		t.Errorf("an EDU over the byte limit shares its transaction with %d others", len(txn.EDUs)-1)
	}
}

func TestDestinationsAreOfMessagesAndOfDeviceLists(t *testing.T) {
	s := newStore(t)
	queue(t, s, "b.test", `{"n":1}`, `{"n":2}`)
	queue(t, s, "a.test", `{"n":3}`)
	queueOthers(t, s, "d.test", `{"n":4}`)
	err := s.write(context.Background(), func(t *tx) error {
		for i, server := range []string{"c.test", "c.test", "b.test", "e.test"} {
			_, err := t.exec(`INSERT INTO device_list_outbox (server, localpart, device_id, position) VALUES (?, 'alice', ?, ?)`,
				server, i, t.position())
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	destinations, err := s.Destinations(context.Background())
	var got []spec.ServerName
	for _, d := range destinations {
		got = append(got, d.Server)
	}
	slices.Sort(got)
	if want := []spec.ServerName{"a.test", "b.test", "c.test", "d.test", "e.test"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestDestinationsRememberTheirFailures(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	ctx := context.Background()
	queue(t, s, "x.test", "1", "2")
	queue(t, s, "y.test", "1")
	txn := next(t, s, "x.test", 1000)
	failed := todevice.Destination{Server: "x.test", Failures: 3, RetryAt: time.UnixMilli(time.Now().UnixMilli()).Add(time.Hour)}
	if err := s.TransactionFailed(ctx, failed, "no answer"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	got, err := s.Destinations(ctx)
	if want := []todevice.Destination{failed, {Server: "y.test"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if again := next(t, s, "x.test", 1000); again.ID != txn.ID {
		t.Error("a failure changed the transaction in flight")
	}
	if err := s.TransactionDone(ctx, "x.test", txn.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Destinations(ctx); err != nil || len(got) != 1 || rows(t, s, "destinations") != 0 {
		t.Errorf("after the success: %+v, %v, %d rows kept", got, err, rows(t, s, "destinations"))
	}
}
