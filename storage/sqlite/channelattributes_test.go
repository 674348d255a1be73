package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

var lobby = todevice.Channel{App: "app", Name: "room"}

// attributes writes what is kept of a channel as "key=value(uid)".
func attributes(kept []todevice.ChannelAttribute) string {
	var out []string
	for _, a := range kept {
		out = append(out, fmt.Sprintf("%s=%s(%s)", a.Key, a.Value, a.UID))
	}
	return strings.Join(out, " ")
}

func keptOf(t testing.TB, s *Store, c todevice.Channel) string {
	t.Helper()
	kept, err := s.ChannelAttributes(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return attributes(kept)
}

func TestChannelAttributesOutliveTheProcess(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	other := todevice.Channel{App: "another app", Name: "room"}
	for _, step := range []struct {
		change todevice.ChannelAttributeChange
		want   string
	}{
		{todevice.ChannelAttributeChange{UID: "ann", Set: map[string]string{"b": "2", "a": "1"}}, "a=1(ann) b=2(ann)"},
		{todevice.ChannelAttributeChange{UID: "bob", Set: map[string]string{"a": "3", "c": "4"}}, "a=3(bob) b=2(ann) c=4(bob)"},
		{todevice.ChannelAttributeChange{UID: "bob", Delete: []string{"b", "none"}}, "a=3(bob) c=4(bob)"},
		{todevice.ChannelAttributeChange{UID: "cat", Clear: true, Set: map[string]string{"d": "5"}}, "d=5(cat)"},
	} {
		step.change.Channel, step.change.MaxBytes = lobby, 100
		kept, err := s.ChangeChannelAttributes(ctx, step.change)
		if err != nil || attributes(kept) != step.want {
			t.Errorf("%+v: %q, %v, want %q", step.change, attributes(kept), err, step.want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path, Options{})
		if got := keptOf(t, s, lobby); got != step.want {
			t.Errorf("%+v: after a restart %q, want %q", step.change, got, step.want)
		}
	}
	if got := keptOf(t, s, other); got != "" {
		t.Errorf("another app's channel has %q", got)
	}
	if channels, err := s.ChannelsWithAttributes(ctx); err != nil || len(channels) != 1 || channels[0] != lobby {
		t.Errorf("channels with attributes are %v, %v", channels, err)
	}
	for range 2 {
		if err := s.ForgetChannelAttributes(ctx, lobby); err != nil || keptOf(t, s, lobby) != "" {
			t.Errorf("left is %q, %v", keptOf(t, s, lobby), err)
		}
	}
}

func TestChannelKeepsNoMoreThanItMay(t *testing.T) {
	s := newStore(t)
	change := func(c todevice.ChannelAttributeChange, want error) {
		t.Helper()
		c.Channel, c.MaxBytes = lobby, 10
		if _, err := s.ChangeChannelAttributes(context.Background(), c); !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", c, err, want)
		}
	}
	change(todevice.ChannelAttributeChange{Set: map[string]string{"a": "12345", "b": "123"}}, nil)
	change(todevice.ChannelAttributeChange{Set: map[string]string{"c": "1"}}, todevice.ErrTooMuchData)
	change(todevice.ChannelAttributeChange{Set: map[string]string{"b": "1234"}}, todevice.ErrTooMuchData)
	change(todevice.ChannelAttributeChange{Set: map[string]string{"b": "12", "a": "123456"}}, nil)
	change(todevice.ChannelAttributeChange{Clear: true, Set: map[string]string{"b": "123456789"}}, nil)
	change(todevice.ChannelAttributeChange{Clear: true, Set: map[string]string{"b": "1234567890"}}, todevice.ErrTooMuchData)
	if got := keptOf(t, s, lobby); got != "b=123456789()" {
		t.Errorf("kept is %q", got)
	}
}

func TestChannelAttributeHasTheTimeItWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		first := time.Now()
		for _, set := range []map[string]string{{"a": "1", "b": "1"}, {"b": "2"}} {
			change := todevice.ChannelAttributeChange{Channel: lobby, Set: set, MaxBytes: 100}
			if _, err := s.ChangeChannelAttributes(context.Background(), change); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		kept, err := s.ChannelAttributes(context.Background(), lobby)
		if err != nil || len(kept) != 2 || !kept[0].At.Equal(first) || !kept[1].At.Equal(first.Add(time.Minute)) {
			t.Errorf("kept are %v, %v", kept, err)
		}
	})
}

func TestChannelAttributeOfADeactivatedUserNamesNobody(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	register(t, s, "rtm_bob", "RTM")
	for _, uid := range []string{"bob", "ann"} {
		change := todevice.ChannelAttributeChange{Channel: lobby, UID: uid, Localpart: "rtm_" + uid, Set: map[string]string{uid: "1"}, MaxBytes: 100}
		if _, err := s.ChangeChannelAttributes(ctx, change); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Deactivate(ctx, "rtm_bob"); err != nil {
		t.Fatal(err)
	}
	if got := keptOf(t, s, lobby); got != "ann=1(ann) bob=1()" {
		t.Errorf("kept is %q", got)
	}
}
