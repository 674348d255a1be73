package sqlite

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func TestPresenceIsToldOncePerChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s, driver, told := newTellingStore(t)
		register(t, s, "alice", "A")
		*told = nil
		if p, err := s.Presence(ctx, "alice"); err != nil || p != (todevice.Presence{State: todevice.Offline}) {
			t.Errorf("before anything was said: %+v %v", p, err)
		}
		away, none := "Away", ""
		for _, step := range []struct {
			state   todevice.PresenceState
			msg     *string
			want    string
			changed bool
		}{
			{todevice.Offline, nil, "", true},
			{todevice.Online, nil, "", true},
			{todevice.Online, nil, "", false},
			{todevice.Online, &none, "", false},
			{todevice.Unavailable, &away, "Away", true},
			{todevice.Online, nil, "Away", true},
			{todevice.Online, &none, "", true},
		} {
			time.Sleep(time.Second)
			before, commits := s.Head(), driver.Commits()
			if err := s.SetPresence(ctx, "alice", step.state, step.msg); err != nil {
				t.Fatal(err)
			}
			if wrote := driver.Commits() > commits; wrote != step.changed {
				t.Errorf("%+v: wrote %t", step, wrote)
			}
			p, err := s.Presence(ctx, "alice")
			if err != nil || p.State != step.state || p.StatusMsg != step.want || step.changed != p.Since.Equal(time.Now()) {
				t.Errorf("%+v: got %+v %v", step, p, err)
			}
			err = s.snapshot(ctx, func(r snapshot) error {
				now, changed, err := r.presence("alice", before)
				if changed != step.changed || changed && now != p {
					t.Errorf("%+v: sync tells %t %+v", step, changed, now)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := slices.Repeat([]string{"alice"}, 5); !slices.Equal(*told, want) {
			t.Errorf("woken: %v", *told)
		}
		if err := s.SetPresence(ctx, "nobody", todevice.Online, nil); !errors.Is(err, todevice.ErrUnknownUser) {
			t.Errorf("of nobody: %v", err)
		}
	})
}
