package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/internal/testserver"
)

// The folder and the address of the durable floor that this program is to be, instead of
// the tests.
const (
	durableDirVariable     = "CHAPPE_BENCH_TEST_DIR"
	durableAddressVariable = "CHAPPE_BENCH_TEST_ADDRESS"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(durableDirVariable)
	if dir == "" {
		testserver.Main(m) // does not return
	}
	if err := serveDurable(context.Background(), os.Getenv(durableAddressVariable), dir); err != nil {
		panic(err)
	}
}

// startDurable starts the durable floor in a process of its own.
func startDurable(t *testing.T, dir string) *process {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(durableDirVariable, dir)
	t.Setenv(durableAddressVariable, address)
	p, err := start(t.Context(), "the floor", address, os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.command.Process.Kill() // it may have ended
		<-p.ended
	})
	return p
}

func TestDurableFloorHandsOutOnceAndInOrder(t *testing.T) {
	p := startDurable(t, t.TempDir())
	b := &bench{options: options{size: 256}}
	l := b.newLoad(people("s", 1, aloneServer), people("r", 1, aloneServer), p, p, 0)
	t.Cleanup(l.disconnect)
	s, r := l.senders[0], l.receivers[0]
	syncs(t, r, 0)
	for _, count := range []int{1, 3, 0, 2} {
		sends(t, s, count)
		syncs(t, r, count)
	}
	syncs(t, r, 0)
	if got := verdictOn(s, r); !got.kept() {
		t.Errorf("the verdict is: %v", got)
	}
}

func TestDurableFloorKeepsWhatItAnsweredThroughAKill(t *testing.T) {
	dir := t.TempDir()
	p := startDurable(t, dir)
	b := &bench{options: options{size: 256}}
	l := b.newLoad(people("s", 8, aloneServer), people("r", 2, aloneServer), p, p, 0)
	t.Cleanup(l.disconnect)

	// The first receiver confirms what the first sender has sent so far.
	sends(t, l.senders[0], 5)
	syncs(t, l.receivers[0], 5)
	syncs(t, l.receivers[0], 0)
	const confirmed = 5

	sending, ctx := errgroup.WithContext(t.Context())
	for _, s := range l.senders {
		sending.Go(func() error { return s.run(ctx, nil) })
	}
	for l.totals.accepted.Load() < 400 {
		if err := pause(ctx, time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if sending.Wait() == nil {
		t.Fatal("the senders did not notice")
	}
	<-p.ended

	accepted := make(map[int]int64)
	for _, s := range l.senders {
		accepted[s.number] = s.accepted
	}
	accepted[0] -= confirmed
	for sender, rows := range stored(t, filepath.Join(dir, durableFile), newCodec(b.size)) {
		if more := int64(rows) - accepted[sender]; more < 0 || more > 1 {
			t.Errorf("of sender %d %d messages are there, %d were answered for", sender, rows, accepted[sender])
		}
		delete(accepted, sender)
	}
	if len(accepted) > 0 {
		t.Errorf("nothing is there of senders %v", accepted)
	}
}

// stored counts the messages of each sender in a file.
func stored(t *testing.T, path string, codec codec) map[int]int {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT event FROM messages`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	count := make(map[int]int)
	for rows.Next() {
		var event []byte
		if err := rows.Scan(&event); err != nil {
			t.Fatal(err)
		}
		m, ok := codec.parse(append([]byte(`{`), event...))
		if !ok {
			t.Fatalf("a message is damaged: %s", event)
		}
		count[m.from]++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return count
}
