package sqlite

import (
	"context"
	"errors"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestProfileChangesOnlyWhatIsGiven(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	register(t, s, "alice", "A")
	name, avatar, none := "Alice", "mxc://here.test/a", ""
	for _, step := range []struct {
		change todevice.ProfileChange
		want   todevice.Profile
	}{
		{todevice.ProfileChange{}, todevice.Profile{}},
		{todevice.ProfileChange{DisplayName: &name}, todevice.Profile{DisplayName: name}},
		{todevice.ProfileChange{AvatarURL: &avatar}, todevice.Profile{DisplayName: name, AvatarURL: avatar}},
		{todevice.ProfileChange{DisplayName: &none}, todevice.Profile{AvatarURL: avatar}},
	} {
		if err := s.SetProfile(ctx, "alice", step.change); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Profile(ctx, "alice"); err != nil || got != step.want {
			t.Errorf("got %v %v, want %v", got, err, step.want)
		}
	}
	if _, err := s.Profile(ctx, "nobody"); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("got %v", err)
	}
	if err := s.SetProfile(ctx, "nobody", todevice.ProfileChange{DisplayName: &name}); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("got %v", err)
	}
}
