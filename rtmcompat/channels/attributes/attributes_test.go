package attributes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/rtmcompat/channels/attributes"
	"github.com/chappe-im/chappe/rtmcompat/wire"
	"github.com/chappe-im/chappe/storage/sqlite"
)

var (
	ann = attributes.Writer{App: "app", UID: "ann", Localpart: "rtm_ann"}
	bob = attributes.Writer{App: "app", UID: "bob", Localpart: "rtm_bob"}
)

// A rig is a keeper on a real hub and a real database.
type rig struct {
	*attributes.Keeper
	t     *testing.T
	hub   *channels.Hub
	store *sqlite.Store
}

func newRig(t *testing.T, path string) *rig {
	t.Helper()
	store, err := sqlite.Open(path, sqlite.Options{ServerName: "chappe.test"})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: store}
	r.hub = channels.New(channels.OnEnd(func(app, channel string) { r.Ended(app, channel) }))
	log := logrus.New()
	log.SetOutput(io.Discard)
	r.Keeper = attributes.New(store, r.hub, logrus.NewEntry(log))
	return r
}

func (r *rig) close() {
	if err := r.store.Close(); err != nil {
		r.t.Error(err)
	}
}

// kept writes the attributes of a channel as "key=value(uid)".
func (r *rig) kept(channel string) string {
	r.t.Helper()
	all, err := r.All(context.Background(), "app", channel)
	if err != nil || all == nil {
		r.t.Fatal(all, err)
	}
	return text(all)
}

func text(all []attributes.Attribute) string {
	var out []string
	for _, a := range all {
		out = append(out, fmt.Sprintf("%s=%s(%s)", a.Key, a.Val, a.UId))
	}
	return strings.Join(out, " ")
}

// A member notes what it is told of attributes.
type member struct {
	uid  string
	told []string
}

func (m *member) UID() string { return m.uid }

func (m *member) Push(frame []byte) {
	cmd, content, err := wire.Parse(frame)
	if cmd != "ChanAttribChanged" && err == nil {
		return
	}
	var changed struct {
		ChanId     string
		Attributes []attributes.Attribute
	}
	err = errors.Join(err, json.Unmarshal(content, &changed))
	if err != nil || changed.Attributes == nil {
		m.told = append(m.told, "bad: "+string(frame))
		return
	}
	m.told = append(m.told, changed.ChanId+": "+text(changed.Attributes))
}

func TestAttributesAreChangedAndMembersAreToldWhereAsked(t *testing.T) {
	ctx := context.Background()
	r := newRig(t, filepath.Join(t.TempDir(), "chappe.db"))
	defer r.close()
	m := &member{uid: "cat"}
	if _, err := r.hub.Join("app", "room", m); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		change func(notify bool) error
		want   string
	}{
		{func(n bool) error { return r.Set(ctx, ann, "room", map[string]string{"b": "2", "a": "1"}, n) }, "a=1(ann) b=2(ann)"},
		{func(n bool) error { return r.Update(ctx, bob, "room", map[string]string{"b": "3", "c": "4"}, n) }, "a=1(ann) b=3(bob) c=4(bob)"},
		{func(n bool) error { return r.Delete(ctx, bob, "room", []string{"a", "none"}, n) }, "b=3(bob) c=4(bob)"},
		{func(n bool) error { return r.Set(ctx, ann, "room", map[string]string{"d": "5"}, n) }, "d=5(ann)"},
		{func(n bool) error { return r.Clear(ctx, ann, "room", n) }, ""},
	} {
		for _, notify := range []bool{false, true} {
			m.told = nil
			if err := step.change(notify); err != nil {
				t.Fatal(err)
			}
			if got := r.kept("room"); got != step.want {
				t.Errorf("step %d: kept is %q, want %q", i, got, step.want)
			}
			if got := strings.Join(m.told, "|"); notify && got != "room: "+step.want || !notify && got != "" {
				t.Errorf("step %d: told was %q", i, got)
			}
		}
	}
}

func TestAttributesAreFoundByTheirKeys(t *testing.T) {
	ctx := context.Background()
	r := newRig(t, filepath.Join(t.TempDir(), "chappe.db"))
	defer r.close()
	if err := r.Set(ctx, ann, "room", map[string]string{"a": "1", "b": "2", "c": "3"}, false); err != nil {
		t.Fatal(err)
	}
	got, err := r.ByKeys(ctx, "app", "room", []string{"c", "none", "a"})
	if err != nil || text(got) != "a=1(ann) c=3(ann)" {
		t.Errorf("got %q, %v", text(got), err)
	}
	if got, err := r.ByKeys(ctx, "app", "other", []string{"a"}); err != nil || got == nil || len(got) != 0 {
		t.Errorf("of another channel %v, %v", got, err)
	}
	if _, err := r.ByKeys(ctx, "app", "room", []string{""}); !errors.Is(err, attributes.ErrInvalid) {
		t.Errorf("an empty key: %v", err)
	}
}

func TestAttributesAreNoLargerThanTheyMayBe(t *testing.T) {
	ctx := context.Background()
	r := newRig(t, filepath.Join(t.TempDir(), "chappe.db"))
	defer r.close()
	many := make(map[string]string)
	for i := range 33 {
		many[fmt.Sprint(i)] = "1"
	}
	long, longest := strings.Repeat("k", 33), strings.Repeat("v", 8<<10)
	for _, c := range []struct {
		values map[string]string
		want   error
	}{
		{map[string]string{"": "1"}, attributes.ErrInvalid},
		{map[string]string{"a": ""}, attributes.ErrInvalid},
		{map[string]string{"a": "\xff"}, attributes.ErrInvalid},
		{map[string]string{"\xff": "1"}, attributes.ErrInvalid},
		{map[string]string{long: "1"}, attributes.ErrInvalid},
		{map[string]string{"a": longest + "v"}, attributes.ErrTooLarge},
		{many, attributes.ErrTooLarge},
		{map[string]string{"a": longest, "b": longest, "c": longest, "d": longest}, attributes.ErrTooLarge},
		{map[string]string{"a": longest, "b": longest, "c": longest, "d": longest[4:]}, nil},
		{nil, nil},
	} {
		if err := r.Set(ctx, ann, "room", c.values, false); !errors.Is(err, c.want) {
			t.Errorf("%d values: %v, want %v", len(c.values), err, c.want)
		}
	}
	if err := r.Set(ctx, ann, "room", map[string]string{long[1:]: "1"}, false); err != nil {
		t.Errorf("the longest key: %v", err)
	}
	if err := r.Delete(ctx, ann, "room", []string{long}, false); !errors.Is(err, attributes.ErrInvalid) {
		t.Errorf("delete: %v", err)
	}
}

// At one start they are kept because somebody is there, at the next they are wiped
// because nobody comes.
func TestAttributesGoSomeMinutesAfterTheLastMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "chappe.db")
		start := func() (r *rig, stop func()) {
			ctx, cancel := context.WithCancel(context.Background())
			r = newRig(t, path)
			done := make(chan error)
			go func() { done <- r.Run(ctx) }()
			return r, func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
				r.close()
			}
		}
		r, stop := start()
		m := &member{uid: "cat"}
		if _, err := r.hub.Join("app", "room", m); err != nil {
			t.Fatal(err)
		}
		for _, channel := range []string{"room", "nobody's"} {
			if err := r.Set(context.Background(), ann, channel, map[string]string{"a": "1"}, false); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5*time.Minute - time.Second)
		if got := r.kept("nobody's"); got == "" {
			t.Error("wiped too early")
		}
		time.Sleep(time.Minute + 2*time.Second)
		if got := r.kept("nobody's"); got != "" {
			t.Errorf("left of a channel without members is %q", got)
		}
		time.Sleep(time.Hour)
		r.hub.LeaveAll(m)
		time.Sleep(4 * time.Minute)
		if got := r.kept("room"); got != "a=1(ann)" {
			t.Errorf("4 minutes after its last member left the channel has %q", got)
		}
		stop()

		r, stop = start()
		defer stop()
		time.Sleep(4 * time.Minute)
		if got := r.kept("room"); got != "a=1(ann)" {
			t.Errorf("4 minutes after a restart the channel has %q", got)
		}
		time.Sleep(2*time.Minute + time.Second)
		if got := r.kept("room"); got != "" {
			t.Errorf("left is %q", got)
		}
	})
}
