package main

import (
	"database/sql"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

func smallPopulace(messages int) populace {
	return populace{server: aloneServer, devices: 230, messages: messages, hoard: messages / 10, codec: newCodec(256)}
}

// loaded gives the path of a database with a populace.
func loaded(t *testing.T, p populace) string {
	path := filepath.Join(t.TempDir(), "chappe.db")
	if err := p.load(t.Context(), path, t.Logf); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatIsLoadedInBulkIsWhatTheStoreWouldHaveWritten(t *testing.T) {
	p := smallPopulace(1110)
	path := loaded(t, p)
	s, err := sqlite.Open(path, sqlite.Options{ServerName: p.server})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, want := range map[int]int{0: 111, 1: p.waiting(1), 229: p.waiting(229)} {
		device, err := s.Session(t.Context(), p.person(i).token())
		if err != nil {
			t.Fatal(err)
		}
		l := newLedger(loadedFrom)
		count := 0
		for after, more := todevice.Position(0), true; more; {
			var events []todevice.Event
			if events, more, err = s.Pending(t.Context(), device.Inbox, after); err != nil {
				t.Fatal(err)
			}
			for _, event := range events {
				after, count = event.Position, count+1
				err = p.codec.each(event.JSON, func(m message) { l.note(m) })
				if err != nil || after > s.Head() {
					t.Fatalf("a message at %d of %d: %v", after, s.Head(), err)
				}
			}
		}
		if v := l.close(func(int) int64 { return int64(want) }); count != want || !v.kept() {
			t.Errorf("user %d has %d messages, want %d: %v", i, count, want, v)
		}
	}
	all := 0
	for i := range p.devices {
		all += p.waiting(i)
	}
	if all != p.messages {
		t.Errorf("%d messages are said to wait, want %d", all, p.messages)
	}
}

func TestWhatIsLoadedInBulkKeepsTheSchemasConstraints(t *testing.T) {
	db, err := sql.Open("sqlite3", loaded(t, smallPopulace(1110)))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for query, want := range map[string]string{
		`SELECT count(*) FROM pragma_foreign_key_check`:                                                               "0",
		`SELECT integrity_check FROM pragma_integrity_check`:                                                          "ok",
		`SELECT seq FROM sqlite_sequence WHERE name = 'devices'`:                                                      "230",
		`SELECT count(*) FROM inboxes, this WHERE position > head`:                                                    "0",
		`SELECT count(*) FROM devices d WHERE (SELECT count(*) FROM interest i WHERE i.localpart = d.localpart) <> 2`: "0",
	} {
		var got string
		if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s gives %q (%v), want %q", query, got, err, want)
		}
	}
}

// A spread that cannot fail a server proves nothing.
func TestASpreadFindsOutABadServer(t *testing.T) {
	for name, test := range map[string]struct {
		takes int // how often each PUT is taken
		want  verdict
	}{
		"one that forgets":         {0, verdict{Lost: 40}},
		"one that repeats":         {2, verdict{Duplicated: 40}},
		"one that does its duties": {1, verdict{}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(takes(newFloor(), test.takes))
			defer server.Close()
			p := &process{address: strings.TrimPrefix(server.URL, "http://")}
			s := newSpread(smallPopulace(0), []int{3, 5, 7}, 2)
			transport := newTransport()
			defer transport.CloseIdleConnections()
			for i, sender := range people("p", 2, aloneServer) {
				s.senders[i].session = newSession(transport, p.address, sender)
			}
			for i := range 40 {
				if err := s.send(t.Context(), i%2); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := s.close(t.Context(), p); err != nil || got != test.want {
				t.Errorf("the verdict is %+v (%v), want %+v", got, err, test.want)
			}
		})
	}
}
