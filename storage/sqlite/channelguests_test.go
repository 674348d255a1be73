package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func guest(name string, left bool) todevice.ChannelGuestChange {
	user := todevice.UserID{Localpart: name, Server: there}
	return todevice.ChannelGuestChange{ChannelGuest: todevice.ChannelGuest{Channel: lobby, User: user}, Left: left}
}

func TestGuestsOfChannelsAreThoseWhoCameAndDidNotLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		accept(t, s, todevice.Batch{Guests: []todevice.ChannelGuestChange{guest("ann", false), guest("bob", false), guest("cat", false)}})
		time.Sleep(time.Hour)
		accept(t, s, todevice.Batch{Guests: []todevice.ChannelGuestChange{guest("ann", false), guest("bob", true), guest("dan", true)}})
		for _, c := range []struct {
			app    string
			before time.Time
			want   string
		}{
			{"app", time.Time{}, "[@ann:there.test @cat:there.test]"},
			{"app", time.Now(), "[@cat:there.test]"},
			{"another app", time.Time{}, "[]"},
		} {
			guests, err := s.ChannelGuests(context.Background(), c.app, c.before)
			names := []string{}
			for _, g := range guests {
				names = append(names, g.User.String())
			}
			if got := fmt.Sprint(names); err != nil || got != c.want {
				t.Errorf("%s before %v: %s, %v, want %s", c.app, c.before, got, err, c.want)
			}
		}
	})
}

func TestAnswerToAMessageTakesItFromTheInbox(t *testing.T) {
	s := newStore(t)
	register(t, s, "alice", "A")
	service, bob := register(t, s, "channels", "RTM"), register(t, s, "bob", "B")
	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"channels", "RTM"}), to(2, [2]string{"channels", "RTM"})}})
	events, _, err := s.Pending(context.Background(), service.Inbox, 0)
	if err != nil || len(events) != 2 {
		t.Fatal(events, err)
	}
	answer := todevice.Batch{
		Source: todevice.Source{Taken: todevice.Delivery{Inbox: service.Inbox, Position: events[0].Position}},
		Sends:  []todevice.Send{to(3, [2]string{"bob", "B"})},
		Guests: []todevice.ChannelGuestChange{guest("ann", false)},
	}
	for i, repeated := range []bool{false, true} {
		if got := accept(t, s, answer); got.Repeated != repeated {
			t.Errorf("time %d: repeated %t", i, got.Repeated)
		}
		if len(waiting(t, s, service)) != 1 || len(waiting(t, s, bob)) != 1 {
			t.Errorf("time %d: %d and %d wait, want 1 and 1", i, len(waiting(t, s, service)), len(waiting(t, s, bob)))
		}
	}
}

func TestFullInboxIsLeftOutWhereThatIsAskedFor(t *testing.T) {
	s := open(t, t.TempDir()+"/chappe.db", Options{MaxInboxRows: 1})
	full, empty := register(t, s, "full", "F"), register(t, s, "empty", "E")
	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"full", "F"})}})
	send := to(2, [2]string{"full", "F"}, [2]string{"empty", "E"})
	if _, err := s.Accept(context.Background(), todevice.Batch{Sends: []todevice.Send{send}}); err == nil {
		t.Error("it was not refused")
	}
	send.SkipFull = true
	if got := accept(t, s, todevice.Batch{Sends: []todevice.Send{send}}); got.Skipped.FullInboxes != 1 {
		t.Errorf("skipped is %+v", got.Skipped)
	}
	if len(waiting(t, s, full)) != 1 || len(waiting(t, s, empty)) != 1 {
		t.Error("one message waits for each")
	}
}

func TestContentForManyUsersIsStoredOnce(t *testing.T) {
	s := newStore(t)
	content := json.RawMessage(`{"n":1}`)
	send := todevice.Send{Sender: todevice.UserID{Localpart: "service", Server: "here.test"}, Type: "t"}
	var devices []todevice.Device
	for _, name := range []string{"ann", "bob", "cat"} {
		d := register(t, s, name, "D")
		register(t, s, name, "D2")
		devices = append(devices, d)
		send.Messages = append(send.Messages, todevice.Message{To: d.User, Device: todevice.AllDevices, Content: content})
	}
	accept(t, s, todevice.Batch{Sends: []todevice.Send{send}})
	if n, references := rows(t, s, "broadcasts"), rows(t, s, "inboxes WHERE event IS NULL"); n != 1 || references != 6 {
		t.Errorf("%d bodies and %d references, want 1 and 6", n, references)
	}
	for _, d := range devices {
		if got := waiting(t, s, d); len(got) != 1 {
			t.Errorf("%s has %q waiting", d.User, got)
		}
	}
}
