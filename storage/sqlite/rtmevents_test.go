package sqlite

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// logins are so many events of one app, numbered by their users.
func logins(app string, from, n int) (events []todevice.RTMEvent) {
	for i := range n {
		events = append(events, todevice.RTMEvent{App: app, Type: todevice.RTMLogin, User: fmt.Sprint(from + i), At: time.UnixMilli(int64(from + i))})
	}
	return events
}

func recordEvents(t testing.TB, s *Store, events ...todevice.RTMEvent) {
	t.Helper()
	if err := s.RecordRTMEvents(context.Background(), events...); err != nil {
		t.Fatal(err)
	}
}

func drain(t testing.TB, s *Store, app string, kind todevice.RTMEventKind) []todevice.RTMEvent {
	t.Helper()
	events, err := s.DrainRTMEvents(context.Background(), app, kind, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func page(t testing.TB, s *Store, after int64) todevice.RTMEventPage {
	t.Helper()
	page, err := s.RTMEvents(context.Background(), "a", todevice.RTMUserEvents, after, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func wantEvents(t testing.TB, what string, got, want []todevice.RTMEvent) {
	t.Helper()
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %d events %.200v, want %d %.200v", what, len(got), got, len(want), want)
	}
}

func TestADrainGivesEachEventOnceAlsoAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	if got := drain(t, s, "a", todevice.RTMUserEvents); len(got) > 0 {
		t.Errorf("before the first event: %v", got)
	}
	joined := todevice.RTMEvent{App: "a", Type: todevice.RTMJoin, User: "u", Channel: "c", At: time.UnixMilli(7)}
	elsewhere := logins("b", 9, 1)
	recordEvents(t, s, slices.Concat(logins("a", 0, 1001), []todevice.RTMEvent{joined}, elsewhere)...)
	wantEvents(t, "first", drain(t, s, "a", todevice.RTMUserEvents), logins("a", 0, 1000))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	wantEvents(t, "after the restart", drain(t, s, "a", todevice.RTMUserEvents), logins("a", 1000, 1))
	wantEvents(t, "empty", drain(t, s, "a", todevice.RTMUserEvents), nil)
	wantEvents(t, "of channels", drain(t, s, "a", todevice.RTMChannelEvents), []todevice.RTMEvent{joined})
	wantEvents(t, "of another app", drain(t, s, "b", todevice.RTMUserEvents), elsewhere)
}

func TestDrainsAtOnceShareTheEvents(t *testing.T) {
	s := newStore(t)
	recordEvents(t, s, logins("a", 0, 500)...)
	var mu sync.Mutex
	var all []todevice.RTMEvent
	var drains sync.WaitGroup
	for range 8 {
		drains.Go(func() {
			for range 8 {
				events, err := s.DrainRTMEvents(context.Background(), "a", todevice.RTMUserEvents, 10)
				mu.Lock()
				all = append(all, events...)
				mu.Unlock()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	drains.Wait()
	slices.SortFunc(all, func(a, b todevice.RTMEvent) int { return a.At.Compare(b.At) })
	wantEvents(t, "together", all, logins("a", 0, 500))
}

func TestTheNewestEventsReplaceTheOldest(t *testing.T) {
	s := newStore(t)
	recordEvents(t, s, logins("a", 0, maxRTMEvents+5)...)
	if n := rows(t, s, "rtm_events"); n != maxRTMEvents {
		t.Errorf("%d events are kept", n)
	}
	wantEvents(t, "drained", drain(t, s, "a", todevice.RTMUserEvents), logins("a", 5, 1000))
	wantEvents(t, "read", page(t, s, todevice.RTMBeginning).Events, logins("a", 5, 1000))
}

func TestAReaderTakesNothingAndHearsWhatItHasMissed(t *testing.T) {
	s := newStore(t)
	if got := page(t, s, todevice.RTMBeginning); got.Next != 0 || got.Lost {
		t.Errorf("before the first event: %+v", got)
	}
	recordEvents(t, s, logins("a", 1, 3)...)
	for range 2 {
		got := page(t, s, todevice.RTMBeginning)
		wantEvents(t, "all", got.Events, logins("a", 1, 3))
		wantEvents(t, "the rest", page(t, s, 1).Events, logins("a", 2, 2))
		if got.Next != 3 || got.Lost {
			t.Errorf("next is %d, lost %t", got.Next, got.Lost)
		}
	}
	wantEvents(t, "drained", drain(t, s, "a", todevice.RTMUserEvents), logins("a", 1, 3))
	wantEvents(t, "read after the drain", page(t, s, todevice.RTMBeginning).Events, logins("a", 1, 3))
	recordEvents(t, s, logins("a", 4, maxRTMEvents-3)...)
	recordEvents(t, s, logins("a", maxRTMEvents+1, 2)...)
	for _, c := range []struct {
		after int64
		lost  bool
		first int
	}{{0, true, 3}, {1, true, 3}, {2, false, 3}, {3, false, 4}, {math.MaxInt64, true, 3}, {-2, true, 3}, {todevice.RTMBeginning, false, 3}} {
		got := page(t, s, c.after)
		if got.Lost != c.lost {
			t.Errorf("after %d: lost is %t", c.after, got.Lost)
		}
		wantEvents(t, fmt.Sprintf("after %d", c.after), got.Events, logins("a", c.first, 1000))
	}
}

func TestEventsOfMessagesAreKeptOnlyForTheWebhooksThatWantThem(t *testing.T) {
	var told [][]string
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{
		Webhooks:  []todevice.RTMWebhook{{ID: "w", App: "a", Events: []todevice.RTMEventType{todevice.RTMDelivered, todevice.RTMJoin}}},
		RTMEvents: func(apps []string) { told = append(told, apps) },
	})
	recordEvents(t, s,
		todevice.RTMEvent{App: "a", Type: todevice.RTMDelivered, User: "u", MessageID: "m"},
		todevice.RTMEvent{App: "a", Type: todevice.RTMExpired, User: "u", MessageID: "m"},
		todevice.RTMEvent{App: "b", Type: todevice.RTMDelivered, User: "u", MessageID: "m"},
		todevice.RTMEvent{App: "a", Type: todevice.RTMLogin, User: "u"})
	recordEvents(t, s, todevice.RTMEvent{App: "a", Type: todevice.RTMExpired})
	if events, queued := rows(t, s, "rtm_events"), rows(t, s, "rtm_webhook_events"); events != 1 || queued != 1 {
		t.Errorf("%d events and %d for webhooks, want 1 and 1", events, queued)
	}
	if want := [][]string{{"a"}}; !reflect.DeepEqual(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}

func TestAnEventIsRecordedWithItsWebhooksOrNotAtAll(t *testing.T) {
	s, driver := newFaultyStore(t)
	s.webhooks = []todevice.RTMWebhook{{ID: "w", App: "a", Events: []todevice.RTMEventType{todevice.RTMLogin}}}
	recorded := 0
	for k := 1; ; k++ {
		driver.FailAt(k)
		err := s.RecordRTMEvents(context.Background(), logins("a", 0, 2)...)
		failed := driver.Failed()
		driver.FailAt(0)
		if err == nil {
			recorded += 2
		}
		if events, queued := rows(t, s, "rtm_events"), rows(t, s, "rtm_webhook_events"); events != recorded || queued != recorded {
			t.Fatalf("fault %d: %d events and %d for webhooks, want %d of each", k, events, queued, recorded)
		}
		if !failed {
			return
		}
	}
}

func TestWhatExpiredBeforeItWasGivenIsNotToldAsDelivered(t *testing.T) {
	c := &clock{time.UnixMilli(1_700_000_000_000)}
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{
		Now:      c.now,
		Webhooks: []todevice.RTMWebhook{{ID: "w", App: "a", Events: []todevice.RTMEventType{todevice.RTMDelivered, todevice.RTMExpired}}},
		RTMMessage: func(to todevice.UserID, event []byte) (todevice.RTMEvent, bool) {
			return todevice.RTMEvent{App: "a", User: to.Localpart, MessageID: string(event)}, true
		},
	})
	d := register(t, s, "bob", "1")
	accept(t, s, latest(1, [2]string{"bob", "1"}))
	c.pass(keepLatestFor + time.Minute) // the sweep comes once an hour
	accept(t, s, latest(2, [2]string{"bob", "1"}))
	events, _, err := s.Pending(t.Context(), d.Inbox, 0)
	if err != nil || len(events) != 1 {
		t.Fatalf("%v are given (%v), want the second", events, err)
	}
	if _, err := s.Confirm(t.Context(), d.Inbox, events[0].Position); err != nil {
		t.Fatal(err)
	}
	told, err := collectStrings(s, `SELECT type || ' ' || json_extract(message_id, '$.content.n') FROM rtm_webhook_events ORDER BY number`)
	if err != nil || !slices.Equal(told, []string{"message_expired 1", "message_delivered 2"}) {
		t.Errorf("%q are told (%v)", told, err)
	}
}
