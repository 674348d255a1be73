package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// keyed is a batch of an RTM request with a key, with one message for bob's device.
func keyed(r todevice.RTMRequest) todevice.Batch {
	return todevice.Batch{Source: todevice.Source{RTM: &r}, Sends: []todevice.Send{to(1, [2]string{"bob", "B"})}}
}

func TestAKeyIsOfOneSenderInOneApp(t *testing.T) {
	s := newStore(t)
	bob := register(t, s, "bob", "B")
	request := todevice.RTMRequest{App: "app", Sender: "ann", Key: "k", Body: [32]byte{1}, AnswerID: "first"}
	otherApp, otherSender, otherKey, otherBody := request, request, request, request
	otherApp.App, otherSender.Sender, otherKey.Key, otherBody.Body = "app2", "ann2", "k2", [32]byte{2}
	for i, r := range []todevice.RTMRequest{request, otherApp, otherSender, otherKey} {
		if accept(t, s, keyed(r)).Repeated {
			t.Errorf("request %d was taken for a repetition", i)
		}
	}
	if _, err := s.Accept(context.Background(), keyed(otherBody)); !errors.Is(err, todevice.ErrKeyReused) {
		t.Errorf("another body under the key: %v", err)
	}
	if _, err := s.RTMAnswer(context.Background(), otherBody); !errors.Is(err, todevice.ErrKeyReused) {
		t.Errorf("another body under the key, asked for: %v", err)
	}
	if got := waiting(t, s, bob); len(got) != 4 {
		t.Errorf("%d messages wait, want 4", len(got))
	}
}

func TestTheAnswerToAnRTMRequestOutlivesTheProcess(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	bob := register(t, s, "bob", "B")
	request := todevice.RTMRequest{App: "app", Sender: "ann", Key: "k", AnswerID: "first"}
	if before, err := s.RTMAnswer(ctx, request); before != nil || err != nil {
		t.Errorf("before the request: %+v, %v", before, err)
	}
	want := &todevice.RTMAnswer{ID: "first", Deliveries: accept(t, s, keyed(request)).Deliveries}
	for _, confirmed := range []bool{false, true} {
		if confirmed {
			if _, err := s.Confirm(ctx, bob.Inbox, want.Deliveries[0].Position); err != nil {
				t.Fatal(err)
			}
		}
		want.Confirmed = confirmed
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path, Options{})
		again := request
		again.AnswerID = "second"
		if got := accept(t, s, keyed(again)); !got.Repeated || !reflect.DeepEqual(got.Before, want) {
			t.Errorf("confirmed %t: accepted %+v, want %+v", confirmed, got.Before, want)
		}
		if got, err := s.RTMAnswer(ctx, again); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("confirmed %t: %+v, %v, want %+v", confirmed, got, err, want)
		}
	}
}

func TestARepeatedRTMRequestSucceedsThoughTheInboxIsFull(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{MaxInboxRows: 1})
	register(t, s, "bob", "B")
	accept(t, s, keyed(todevice.RTMRequest{Key: "k"}))
	if !accept(t, s, keyed(todevice.RTMRequest{Key: "k"})).Repeated {
		t.Error("it was not taken for a repetition")
	}
	if _, err := s.Accept(context.Background(), keyed(todevice.RTMRequest{Key: "k2"})); !errors.Is(err, todevice.ErrInboxFull) {
		t.Errorf("another request: %v", err)
	}
	if n := rows(t, s, "rtm_requests"); n != 1 {
		t.Errorf("%d requests are remembered, want 1: a refusal is not", n)
	}
}

func TestRTMRequestsAreRememberedForADay(t *testing.T) {
	s := newStore(t)
	register(t, s, "bob", "B")
	accept(t, s, keyed(todevice.RTMRequest{Key: "k"}))
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{24*time.Hour - time.Minute, 1}, {24*time.Hour + time.Minute, 0}} {
		if _, err := s.Sweep(context.Background(), time.Now().Add(c.after)); err != nil {
			t.Fatal(err)
		}
		if r, d := rows(t, s, "rtm_requests"), rows(t, s, "rtm_deliveries"); r != c.want || d != c.want {
			t.Errorf("after %v: %d requests and %d deliveries, want %d of each", c.after, r, d, c.want)
		}
	}
}
