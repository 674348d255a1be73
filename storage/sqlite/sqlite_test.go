package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/todevice"
)

const here = "here.test"

// open opens the database of a test; opened again, it finds what it left.
func open(t testing.TB, path string, o Options) *Store {
	t.Helper()
	o.ServerName = here
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newStore(t testing.TB) *Store {
	return open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{})
}

// newFaultyStore gives a store that fails when its driver is told to.
func newFaultyStore(t testing.TB) (*Store, *faultdb.Driver) {
	driver := faultdb.Register()
	return open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{Driver: driver.Name}), driver
}

func register(t testing.TB, s *Store, localpart, device string) todevice.Device {
	t.Helper()
	ctx := context.Background()
	login := todevice.Login{DeviceID: device, Token: localpart + "/" + device}
	d, err := s.Register(ctx, todevice.Account{Localpart: localpart}, login)
	if err != nil {
		d, err = s.Login(ctx, localpart, login)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// to is a send of one numbered message to each of some devices, "user/device".
func to(number int, recipients ...[2]string) todevice.Send {
	send := todevice.Send{Sender: todevice.UserID{Localpart: "sender", Server: here}, Type: "t"}
	for _, r := range recipients {
		send.Messages = append(send.Messages, todevice.Message{
			To:      todevice.UserID{Localpart: r[0], Server: here},
			Device:  r[1],
			Content: json.RawMessage(fmt.Sprintf(`{"n":%d}`, number)),
		})
	}
	return send
}

func accept(t testing.TB, s *Store, b todevice.Batch) todevice.Accepted {
	t.Helper()
	accepted, err := s.Accept(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return accepted
}

// waiting gives the contents that wait for a device, in order.
func waiting(t testing.TB, s *Store, d todevice.Device) []string {
	t.Helper()
	var contents []string
	after := todevice.Position(0)
	for {
		events, _, err := s.Pending(context.Background(), d.Inbox, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			var event struct{ Content json.RawMessage }
			if err := json.Unmarshal(e.JSON, &event); err != nil {
				t.Fatalf("event %s: %v", e.JSON, err)
			}
			contents = append(contents, string(event.Content))
			after = e.Position
		}
		if len(events) == 0 {
			return contents
		}
	}
}

func rows(t testing.TB, s *Store, table string) (n int) {
	t.Helper()
	if err := s.readers.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPositionsAndEpochOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	d := register(t, s, "bob", "B")
	first := accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "B"})}}).Deliveries[0].Position
	if _, err := s.Confirm(context.Background(), d.Inbox, first); err != nil {
		t.Fatal(err)
	}
	epoch, head := string(s.Epoch()), s.Head()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	if string(s.Epoch()) != epoch || s.Head() != head {
		t.Errorf("epoch %x head %d became %x and %d", epoch, head, s.Epoch(), s.Head())
	}
	second := accept(t, s, todevice.Batch{Sends: []todevice.Send{to(2, [2]string{"bob", "B"})}}).Deliveries[0].Position
	if second <= first {
		t.Errorf("position %d was given out again after %d: the inbox was empty in between", second, first)
	}
}

func TestDatabaseOfAnotherServerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	open(t, path, Options{})
	if s, err := Open(path, Options{ServerName: "elsewhere.test"}); err == nil {
		_ = s.Close()
		t.Error("another server's database was opened")
	}
}

func TestDatabaseOfANewerVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	if _, err := s.writer.Exec(`INSERT INTO schema_migrations (id, applied_at) VALUES ('9999_future.sql', '2030-01-01')`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(path, Options{ServerName: here}); err == nil {
		_ = s.Close()
		t.Error("a database with a migration this version does not know was opened")
	}
}

func collectStrings(s *Store, query string) ([]string, error) {
	rows, err := s.readers.Query(query)
	return collect(rows, err, func(rows *sql.Rows) (text string, err error) {
		err = rows.Scan(&text)
		return text, err
	})
}

func itoa(inbox todevice.InboxID) string { return fmt.Sprint(int64(inbox)) }
