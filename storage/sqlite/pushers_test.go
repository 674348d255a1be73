package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestPusherGoesWithItsDevice(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	phone, desk, bob := register(t, s, "alice", "PHONE"), register(t, s, "alice", "DESK"), register(t, s, "bob", "B")
	set := func(d todevice.Device, key, says string, shared bool) {
		t.Helper()
		p := todevice.Pusher{AppID: "app", PushKey: key, JSON: json.RawMessage(says)}
		if err := s.SetPusher(ctx, d.Inbox, p, shared); err != nil {
			t.Fatal(err)
		}
	}
	want := func(localpart, list string) {
		t.Helper()
		if got, err := s.Pushers(ctx, localpart); err != nil || fmt.Sprintf("%s", got) != list {
			t.Errorf("%s has %s, want %s (%v)", localpart, got, list, err)
		}
	}
	set(phone, "a", `1`, false)
	set(desk, "b", `2`, false)
	set(bob, "a", `3`, true)
	want("alice", "[1 2]")
	want("bob", "[3]")
	set(bob, "a", `4`, false)
	want("alice", "[2]")
	set(phone, "b", `5`, false) // it is the phone's from now on
	want("alice", "[5]")
	set(desk, "c", `6`, false)
	if err := s.DeleteDevice(ctx, phone.Inbox); err != nil {
		t.Fatal(err)
	}
	want("alice", "[6]")
	if err := s.SetPusher(ctx, phone.Inbox, todevice.Pusher{JSON: json.RawMessage(`{}`)}, false); !errors.Is(err, todevice.ErrUnknownDevice) {
		t.Errorf("of a deleted device: %v", err)
	}
	if err := s.DeletePusher(ctx, "bob", "app", "c"); err != nil {
		t.Error(err)
	}
	want("alice", "[6]")
	if err := s.DeletePusher(ctx, "alice", "app", "c"); err != nil {
		t.Error(err)
	}
	want("alice", "[]")
}

func TestPushersAreBounded(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	alice := register(t, s, "alice", "A")
	pusher := func(i int) todevice.Pusher {
		return todevice.Pusher{AppID: "app", PushKey: fmt.Sprint(i), JSON: json.RawMessage(`{}`)}
	}
	for i := range maxPushers {
		if err := s.SetPusher(ctx, alice.Inbox, pusher(i), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetPusher(ctx, alice.Inbox, pusher(maxPushers), false); !errors.Is(err, todevice.ErrTooMuchData) {
		t.Errorf("one more: %v", err)
	}
	if err := s.SetPusher(ctx, alice.Inbox, pusher(0), false); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}
