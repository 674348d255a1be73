package sqlite

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

// Whoever can read that a device was deleted is told that it does not exist, at any
// instant: a long poll that reads the former would else go on.
func TestDeviceDoesNotExistOnceItsEndCanBeRead(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	for round := range 15 {
		d := register(t, s, "bob", fmt.Sprint("B", round))
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for gone := false; !gone; {
					if _, err := s.Session(ctx, "bob/"+d.ID); err == nil { // has it remembered
						_, _ = s.DeviceExists(ctx, d.Inbox)
					}
					marked, err := collectStrings(s, `SELECT device_id FROM device_changes WHERE deleted AND device_id = '`+d.ID+`'`)
					exists, existsErr := s.DeviceExists(ctx, d.Inbox)
					if err != nil || existsErr != nil {
						t.Error(err, existsErr)
						return
					}
					if gone = len(marked) > 0; gone && exists {
						t.Error("the end of the device can be read, and it exists")
					}
				}
			})
		}
		if err := s.DeleteDevice(ctx, d.Inbox); err != nil {
			t.Fatal(err)
		}
		group.Wait()
	}
}

func TestTokenThatIsBeingTakenIsNotRememberedUntilThatIsSettled(t *testing.T) {
	s := newSessions()
	key, bob := tokenHash("token"), session{device: todevice.Device{Inbox: 1}}
	for i, step := range []struct {
		do   func()
		want bool
	}{
		{func() {}, true},
		{func() { s.begin(1) }, false},
		{s.keep, true}, // it was rolled back
		{func() { s.begin(1) }, false},
		{func() { s.end(1) }, true},
	} {
		step.do()
		_, _, generation := s.find(key)
		s.remember(key, bob, generation)
		if _, ok, _ := s.find(key); ok != step.want || s.has(1) != step.want {
			t.Fatalf("step %d: remembered %v, want %v", i, ok, step.want)
		}
	}
}
