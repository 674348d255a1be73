package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// stored gives what the table holds for an inbox above a position.
func stored(t *testing.T, s *Store, inbox todevice.InboxID, after todevice.Position) []todevice.Event {
	t.Helper()
	rows, err := s.readers.Query(`SELECT i.position, coalesce(i.event, b.event) FROM inboxes i
		LEFT JOIN broadcasts b ON b.position = i.position
		WHERE inbox = ? AND i.position > ? AND coalesce(i.expires > ?, true) ORDER BY 1`, inbox, after, s.nowMillis())
	events, err := collect(rows, err, func(rows *sql.Rows) (e todevice.Event, err error) {
		err = rows.Scan(&e.Position, &e.JSON)
		return e, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// What is remembered of inboxes must say what the tables say, after whatever was
// sent, confirmed, read, deleted, evicted, expired or forgotten.
func TestWhatIsRememberedIsWhatIsStored(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		s, clock := newTimedStore(t)
		ctx := context.Background()
		var devices []todevice.Device
		for i := range 4 {
			devices = append(devices, register(t, s, "bob", fmt.Sprint(i)))
		}
		for step := range 150 {
			d := devices[random.IntN(len(devices))]
			position := todevice.Position(random.Int64N(int64(s.Head()) + 2))
			if random.IntN(2) == 0 {
				position = max(s.Head()-todevice.Position(random.IntN(10)), 0)
			}
			switch random.IntN(16) {
			case 0, 1, 2:
				accept(t, s, todevice.Batch{Sends: []todevice.Send{to(step, [2]string{"bob", d.ID})}})
			case 3:
				accept(t, s, todevice.Batch{Sends: []todevice.Send{to(step, [2]string{"bob", "*"}), to(step, [2]string{"bob", "1"})}})
			case 4, 5:
				if _, err := s.Confirm(ctx, d.Inbox, position); err != nil {
					t.Fatal(err)
				}
				if left := stored(t, s, d.Inbox, 0); len(left) > 0 && left[0].Position <= position {
					t.Fatalf("seed %d, step %d: %d was confirmed, and %d is still there", seed, step, position, left[0].Position)
				}
			case 6:
				if err := s.DeleteDevice(ctx, d.Inbox); err != nil {
					t.Fatal(err)
				}
				for i := range devices {
					devices[i] = register(t, s, "bob", devices[i].ID)
				}
			case 7:
				s.arrivals.mu.Lock()
				s.arrivals.bytes = maxRecent // the next message is one too many
				s.arrivals.mu.Unlock()
			case 8:
				burst := latest(step, [2]string{"bob", d.ID})
				for range random.IntN(80) {
					burst.Sends = append(burst.Sends, burst.Sends[0])
				}
				accept(t, s, burst)
			case 9:
				accept(t, s, latest(step, [2]string{"bob", "*"}))
			case 10:
				clock.pass(time.Duration(random.Int64N(int64(keepLatestFor))))
			case 11:
				expire(t, s)
				// While an inbox drains its bytes are an estimate.
				if remembered, counted := sizes(t, s, d.Inbox); remembered.rows != counted.rows {
					t.Fatalf("seed %d, step %d: %d rows are remembered, there are %d", seed, step, remembered.rows, counted.rows)
				}
			default:
				events, _, err := s.Pending(ctx, d.Inbox, position)
				want := stored(t, s, d.Inbox, position)
				if want = want[:min(len(want), maxPending)]; err != nil || !(len(events) == 0 && len(want) == 0) && !reflect.DeepEqual(events, want) {
					t.Fatalf("seed %d, step %d: above %d there is %v, %v; stored is %v", seed, step, position, events, err, want)
				}
			}
		}
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	a := newArrivals()
	for i := range 3 * maxArrivals {
		a.delivered([]arrival{{inbox: todevice.InboxID(i), event: todevice.Event{Position: 1, JSON: make([]byte, 1000)}}})
		if len(a.reaches) > maxArrivals || a.bytes > maxRecent {
			t.Fatalf("%d inboxes and %d bytes are remembered", len(a.reaches), a.bytes)
		}
	}
	for range 100 {
		a.delivered([]arrival{{inbox: 1, event: todevice.Event{Position: a.reaches[1].latest + 1}}})
		if len(a.reaches[1].recent) > recentEvents {
			t.Fatalf("%d events of one inbox are remembered", len(a.reaches[1].recent))
		}
	}
}

// A token that is taken away must not be remembered by a request that read it just
// before.
func TestEndedTokenIsNotRememberedAgain(t *testing.T) {
	s := newSessions()
	key, bob := tokenHash("token"), session{device: todevice.Device{Inbox: 1}}
	_, _, generation := s.find(key)
	s.end(1)
	s.remember(key, bob, generation)
	if _, ok, _ := s.find(key); ok {
		t.Error("a token that had ended was remembered")
	}
	_, _, generation = s.find(key)
	s.remember(key, bob, generation)
	if _, ok, _ := s.find(key); !ok {
		t.Error("a good token was not remembered")
	}
	s.end(1)
	if _, ok, _ := s.find(key); ok {
		t.Error("a token outlived its device")
	}
}

func TestTokensEndWithLoginLogoutAndDeletion(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	works := func(token string) bool {
		_, err := s.Session(ctx, token)
		_, again := s.Session(ctx, token) // from memory, if it works
		if (err == nil) != (again == nil) {
			t.Errorf("%s: %v, then %v", token, err, again)
		}
		return err == nil
	}
	bob := register(t, s, "bob", "B")
	if !works("bob/B") {
		t.Fatal("a fresh token does not work")
	}
	if _, err := s.Login(ctx, "bob", todevice.Login{DeviceID: "B", Token: "new"}); err != nil {
		t.Fatal(err)
	}
	if works("bob/B") || !works("new") {
		t.Error("a login on the device did not replace its token")
	}
	if err := s.DeleteDevice(ctx, bob.Inbox); err != nil {
		t.Fatal(err)
	}
	if works("new") {
		t.Error("the token outlived its device")
	}
	register(t, s, "bob", "C")
	if !works("bob/C") {
		t.Fatal("a fresh token does not work")
	}
	if _, err := s.DeleteDevices(ctx, "bob"); err != nil || works("bob/C") {
		t.Errorf("%v; the token outlived all devices", err)
	}
}
