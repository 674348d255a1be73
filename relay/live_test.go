package relay

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// A line is a device with a connection.
type line struct {
	taken   []string
	numbers []uint64
	woken   int
	full    bool
}

func (l *line) Wake() { l.woken++ }

func (l *line) Take(number uint64, event []byte) bool {
	if !l.full {
		l.taken, l.numbers = append(l.taken, string(event)), append(l.numbers, number)
	}
	return !l.full
}

// sendLive sends one message of the class OnlineOnly.
func sendLive(t *testing.T, r *Relay) todevice.Accepted {
	t.Helper()
	m := message(t, "@x:"+here, "D", `{"n":1}`)
	m.Class = todevice.OnlineOnly
	accepted, err := r.Send(t.Context(), todevice.Batch{Sends: []todevice.Send{{Sender: m.To, Type: "t", Messages: []todevice.Message{m}}}})
	if err != nil {
		t.Fatal(err)
	}
	return accepted
}

func TestOnlineOnlyMessageIsGivenToAnAttachedDeviceAndNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &notebook{}
		r, notifier, _ := newRelay(store)
		device := todevice.Device{User: message(t, "@x:"+here, "D", `{}`).To, ID: "D", Inbox: 1}
		var there line
		detach := notifier.Attach(device, &there)
		if !notifier.Online(1) {
			t.Error("an attached device is offline")
		}
		accepted := sendLive(t, r)
		if want := `{"content":{"n":1},"sender":"@x:` + here + `","type":"t"}`; len(there.taken) != 1 || there.taken[0] != want || there.woken != 0 {
			t.Errorf("taken %q, woken %d times, want %s", there.taken, there.woken, want)
		}
		if len(store.batches) != 0 {
			t.Errorf("stored %v", store.batches)
		}
		done := make(chan error, 1)
		go func() { done <- notifier.AwaitConfirmation(t.Context(), accepted.Deliveries) }()
		synctest.Wait()
		notifier.Confirmed(1, 100) // of what is stored: says nothing of this one
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("confirmed by another: %v", err)
		default:
		}
		notifier.ConfirmedLive(1, there.numbers[0])
		if err := <-done; err != nil {
			t.Error(err)
		}
		detach()
		if notifier.Online(1) || len(notifier.attached)+len(notifier.names)+len(notifier.users) != 0 {
			t.Errorf("still there: %v %v", notifier.attached, notifier.users)
		}
	})
}

func TestOnlineOnlyMessageIsStoredForADeviceThatOnlySyncs(t *testing.T) {
	store := &notebook{}
	r, _, _ := newRelay(store)
	sendLive(t, r)
	if len(store.batches) != 1 {
		t.Errorf("stored %d batches, want 1", len(store.batches))
	}
}

func TestMessageThatAnAttachedDeviceDoesNotTakeIsNotDelivered(t *testing.T) {
	r, notifier, _ := newRelay(&notebook{})
	device := todevice.Device{User: message(t, "@x:"+here, "D", `{}`).To, ID: "D", Inbox: 1}
	defer notifier.Attach(device, &line{full: true})()
	if accepted := sendLive(t, r); len(accepted.Deliveries) != 0 {
		t.Errorf("delivered %v", accepted.Deliveries)
	}
}

func TestLaterAttachmentOfADeviceCounts(t *testing.T) {
	n := NewNotifier()
	device := todevice.Device{User: todevice.UserID{Localpart: "x"}, ID: "D", Inbox: 1}
	var first, second line
	detachFirst := n.Attach(device, &first)
	detachSecond := n.Attach(device, &second)
	detachFirst()
	n.WakeUsers([]string{"x"})
	if first.woken != 0 || second.woken != 1 || !n.Attached("x", "D") {
		t.Errorf("woken %d and %d times", first.woken, second.woken)
	}
	detachSecond()
	if n.Attached("x", "D") || len(n.users) != 0 {
		t.Error("still attached")
	}
}

// What was given to a connection that has not confirmed it is lost with it, and what the
// next one confirms has higher numbers.
func TestLaterAttachmentConfirmsNothingThatWasGivenToTheOneBefore(t *testing.T) {
	r, notifier, _ := newRelay(&notebook{})
	device := todevice.Device{User: message(t, "@x:"+here, "D", `{}`).To, ID: "D", Inbox: 1}
	notifier.Attach(device, &line{})
	lost := sendLive(t, r)
	var next line
	notifier.Attach(device, &next)
	confirmed := sendLive(t, r)
	notifier.ConfirmedLive(1, next.numbers[0])
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := notifier.AwaitConfirmation(over, confirmed.Deliveries); err != nil {
		t.Errorf("what was confirmed: %v", err)
	}
	if err := notifier.AwaitConfirmation(over, lost.Deliveries); err == nil {
		t.Error("what was lost is confirmed")
	}
}

func TestWhatADeviceSaidOfPresenceIsRememberedWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNotifier()
		a := todevice.Device{User: todevice.UserID{Localpart: "u"}, ID: "A", Inbox: 1}
		b := todevice.Device{User: todevice.UserID{Localpart: "u"}, ID: "B", Inbox: 2}
		flips := 0
		for range 5 { // two clients with polls of 60 s, half a period apart
			for i, d := range []todevice.Device{a, b} {
				n.Saw(d)
				if n.SaidPresence(d.Inbox, []todevice.PresenceState{"online", "unavailable"}[i]) {
					flips++
				}
				_, leave := n.Wait(d)
				go func() { time.Sleep(59 * time.Second); leave() }()
				time.Sleep(30 * time.Second)
			}
		}
		time.Sleep(time.Minute)
		if flips != 2 {
			t.Errorf("presence was said anew %d times, want 2", flips)
		}
	})
}
