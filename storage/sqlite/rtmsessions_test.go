package sqlite

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func TestLastRTMSessionOfADeviceIsKnownByItsName(t *testing.T) {
	store := newStore(t)
	device, err := store.EnsureDevice(t.Context(), "ann", "RTM")
	if err != nil {
		t.Fatal(err)
	}
	first := todevice.RTMSession{Device: device, App: "app", UID: "Ann", SID: "first", TokenUntil: time.Unix(1_700_000_000, 0)}
	second := first
	second.SID = "second"
	begin := func(session todevice.RTMSession, want bool) {
		t.Helper()
		if resumed, err := store.BeginRTMSession(t.Context(), session); err != nil || resumed != want {
			t.Errorf("%s: resumed %t, %v, want %t", session.SID, resumed, err, want)
		}
	}
	standing := func(want ...todevice.RTMSession) {
		t.Helper()
		if got, err := store.RTMSessions(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("standing: %v, %v, want %v", got, err, want)
		}
	}
	end := func(session todevice.RTMSession) {
		t.Helper()
		if err := store.EndRTMSession(t.Context(), session); err != nil {
			t.Error(err)
		}
	}
	begin(first, false)
	begin(first, true)
	begin(second, false)
	end(first) // not the last one any more
	standing(second)
	end(second)
	standing()
	begin(second, true)
	standing(second)
	gone := second
	gone.Device.Inbox += 100
	if _, err := store.BeginRTMSession(t.Context(), gone); !errors.Is(err, todevice.ErrUnknownDevice) {
		t.Errorf("of a device that is gone: %v", err)
	}
}
