package syncapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/matrixspec"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/syncapi"
	"github.com/chappe-im/chappe/todevice"
)

const here = "here.test"

// A door is the sync door over a real database and relay.
type door struct {
	t        *testing.T
	store    *sqlite.Store
	relay    *relay.Relay
	notifier *relay.Notifier
	handler  http.Handler
	// beforeWait, if set, is called once just before a poll registers to wait.
	beforeWait func()
}

// Wait is that of the notifier.
func (d *door) Wait(device todevice.Device) (<-chan struct{}, func()) {
	if before := d.beforeWait; before != nil {
		d.beforeWait = nil
		before()
	}
	return d.notifier.Wait(device)
}

// Saw and Confirmed are those of the notifier.
func (d *door) Saw(device todevice.Device) { d.notifier.Saw(device) }

func (d *door) SaidPresence(inbox todevice.InboxID, state todevice.PresenceState) bool {
	return d.notifier.SaidPresence(inbox, state)
}

func (d *door) Confirmed(inbox todevice.InboxID, upTo todevice.Position) {
	d.notifier.Confirmed(inbox, upTo)
}

type noServers struct{}

func (noServers) Wake([]spec.ServerName) {}

func (noServers) Admit(context.Context, []spec.ServerName) {}

func newDoor(t *testing.T) *door {
	t.Helper()
	notifier := relay.NewNotifier()
	store, err := sqlite.Open(t.TempDir()+"/chappe.db", sqlite.Options{ServerName: here, Changed: notifier.WakeUsers})
	if err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	d := &door{t: t, store: store, notifier: notifier}
	d.relay = relay.New(store, here, todevice.ServerRules{}, d.notifier, noServers{}, prometheus.NewRegistry())
	router := httpapi.NewRouter()
	syncapi.New(store, d, logrus.NewEntry(log)).Routes(router)
	d.handler = router
	return d
}

func (d *door) close() {
	if err := d.store.Close(); err != nil {
		d.t.Error(err)
	}
}

// device makes a device whose access token is its name.
func (d *door) device(localpart, id string) todevice.Device {
	d.t.Helper()
	ctx := context.Background()
	if _, err := d.store.EnsureDevice(ctx, localpart, id); err != nil {
		d.t.Fatal(err)
	}
	device, err := d.store.Login(ctx, localpart, todevice.Login{DeviceID: id, Token: localpart + "/" + id})
	if err != nil {
		d.t.Fatal(err)
	}
	return device
}

func (d *door) send(to todevice.Device, n int) {
	d.t.Helper()
	_, err := d.relay.Send(context.Background(), todevice.Batch{Sends: []todevice.Send{{
		Sender: todevice.UserID{Localpart: "sender", Server: here},
		Type:   "t",
		Messages: []todevice.Message{
			{To: to.User, Device: to.ID, Content: json.RawMessage(fmt.Sprint(`{"n":`, n, `}`))},
		},
	}}})
	if err != nil {
		d.t.Fatal(err)
	}
}

type answer struct {
	status    int
	NextBatch string `json:"next_batch"`
	ToDevice  struct {
		Events []json.RawMessage
	} `json:"to_device"`
	Errcode string
	took    time.Duration
	raw     map[string]json.RawMessage
}

// numbers gives the n of each event's content.
func (a answer) numbers() (ns []int) {
	for _, raw := range a.ToDevice.Events {
		var event struct{ Content struct{ N int } }
		if err := json.Unmarshal(raw, &event); err != nil {
			panic(err)
		}
		ns = append(ns, event.Content.N)
	}
	return ns
}

func (d *door) sync(ctx context.Context, device todevice.Device, since string, timeout time.Duration) answer {
	d.t.Helper()
	query := url.Values{"timeout": {fmt.Sprint(timeout.Milliseconds())}}
	if since != "" {
		query.Set("since", since)
	}
	r := httptest.NewRequest("GET", "/_matrix/client/v3/sync?"+query.Encode(), nil).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer "+device.User.Localpart+"/"+device.ID)
	w := httptest.NewRecorder()
	begun := time.Now()
	matrixspec.Checked(d.t, d.handler).ServeHTTP(w, r)
	a := answer{status: w.Code, took: time.Since(begun)}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		d.t.Fatalf("%s: %v", w.Body, err)
	}
	_ = json.Unmarshal(w.Body.Bytes(), &a.raw)
	return a
}

// inboxPart gives the token without what it says of changes.
func (a answer) inboxPart() string { return a.NextBatch[:strings.LastIndex(a.NextBatch, ".")] }

// inBubble runs a test whose time is not real.
func inBubble(t *testing.T, run func(*testing.T, *door)) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		defer d.close()
		run(t, d)
	})
}

func numbers(from, to int) (ns []int) {
	for n := from; n <= to; n++ {
		ns = append(ns, n)
	}
	return ns
}

func TestBacklogComesInOrderBackToBack(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		ctx, bob := t.Context(), d.device("bob", "B")
		for n := 1; n <= 1050; n++ {
			d.send(bob, n)
		}
		since, next := "", 1
		for i := range 11 {
			a := d.sync(ctx, bob, since, 30*time.Second)
			want := numbers(next, min(next+99, 1050))
			if !reflect.DeepEqual(a.numbers(), want) || a.took != 0 {
				t.Fatalf("response %d after %v: %v, want %v at once", i+1, a.took, a.numbers(), want)
			}
			since, next = a.NextBatch, next+100
		}
		if a := d.sync(ctx, bob, since, 30*time.Second); len(a.numbers()) != 0 || a.took != 30*time.Second {
			t.Errorf("the 12th response after %v: %v", a.took, a.numbers())
		}
	})
}

func TestOnlyTheNextSinceConfirms(t *testing.T) {
	d := newDoor(t)
	defer d.close()
	ctx, bob := t.Context(), d.device("bob", "B")
	first := d.sync(ctx, bob, "", 0)
	d.send(bob, 1)
	d.send(bob, 2)
	a := d.sync(ctx, bob, first.NextBatch, 0)
	for _, since := range []string{first.NextBatch, "", first.NextBatch, ""} {
		again := d.sync(ctx, bob, since, 0)
		if !reflect.DeepEqual(again.ToDevice, a.ToDevice) || again.inboxPart() != a.inboxPart() {
			t.Errorf("since %q: %v up to %s, want the same as before: %v up to %s",
				since, again.numbers(), again.inboxPart(), a.numbers(), a.inboxPart())
		}
	}
	d.send(bob, 3)
	if got := d.sync(ctx, bob, a.NextBatch, 0).numbers(); !reflect.DeepEqual(got, []int{3}) {
		t.Errorf("after the confirmation: %v, want [3]", got)
	}
	for _, since := range []string{"", first.NextBatch} {
		if got := d.sync(ctx, bob, since, 0).numbers(); !reflect.DeepEqual(got, []int{3}) {
			t.Errorf("since %q returned %v: what was confirmed came back, or more was confirmed than handed out", since, got)
		}
	}
}

// P4: a token that means nothing here confirms nothing and does not wait.
func TestForeignTokenConfirmsNothingAndIsAnsweredAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		other := newDoor(t)
		defer other.close()
		ctx, bob, tablet := t.Context(), d.device("bob", "B"), d.device("bob", "tablet")
		carol, elsewhere := d.device("carol", "C"), other.device("bob", "B")
		good := d.sync(ctx, bob, "", 0).NextBatch
		tag, _, _ := strings.Cut(good, ".")
		d.send(bob, 1)
		for range 3 {
			d.send(tablet, 0)
			d.send(carol, 0)
		}
		other.send(elsewhere, 0)
		for name, since := range map[string]string{
			"another device's":   d.sync(ctx, tablet, "", 0).NextBatch,
			"another user's":     d.sync(ctx, carol, "", 0).NextBatch,
			"another database's": other.sync(ctx, elsewhere, "", 0).NextBatch,
			"from the future":    tag + ".1000000.0",
			"far in the future":  tag + ".9223372036854775807.0",
		} {
			a := d.sync(ctx, bob, since, 30*time.Second)
			if a.status != 200 || !reflect.DeepEqual(a.numbers(), []int{1}) || a.took != 0 {
				t.Errorf("a token %s: %d %v after %v, want message 1 at once", name, a.status, a.numbers(), a.took)
			}
		}
		for _, since := range []string{"s72595_4483_1934", "0", good + "x"} {
			if a := d.sync(ctx, bob, since, 30*time.Second); a.status != 400 || a.Errcode != "M_INVALID_PARAM" {
				t.Errorf("since %q: %d %s, want 400 M_INVALID_PARAM", since, a.status, a.Errcode)
			}
		}
		if got := d.sync(ctx, bob, good, 0).numbers(); !reflect.DeepEqual(got, []int{1}) {
			t.Errorf("after all that: %v, want message 1", got)
		}
		// Nothing waits, and a foreign token still does not wait: it gets a good one.
		d.sync(ctx, bob, d.sync(ctx, bob, good, 0).NextBatch, 0)
		if a := d.sync(ctx, bob, tag+".1000000.0", 30*time.Second); a.took != 0 || a.NextBatch == tag+".1000000.0" {
			t.Errorf("took %v and got %s", a.took, a.NextBatch)
		}
	})
}

func TestLongPollEndsWithTheFirstMessageOrTheTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		ctx, bob := t.Context(), d.device("bob", "B")
		since := d.sync(ctx, bob, "", 30*time.Second)
		if since.took != 0 {
			t.Errorf("an initial sync waited %v", since.took)
		}
		var a answer
		var done sync.WaitGroup
		done.Go(func() { a = d.sync(ctx, bob, since.NextBatch, 30*time.Second) })
		time.Sleep(7 * time.Second)
		d.send(bob, 1)
		done.Wait()
		if !reflect.DeepEqual(a.numbers(), []int{1}) || a.took != 7*time.Second {
			t.Errorf("after %v: %v, want message 1 after 7s", a.took, a.numbers())
		}
		a = d.sync(ctx, bob, a.NextBatch, 12*time.Second)
		if a.status != 200 || len(a.numbers()) != 0 || a.took != 12*time.Second || a.NextBatch == "" {
			t.Errorf("with nothing to come: %d %v after %v", a.status, a.numbers(), a.took)
		}
		if again := d.sync(ctx, bob, a.NextBatch, 0); again.took != 0 || again.NextBatch != a.NextBatch {
			t.Errorf("timeout=0 took %v, token %s became %s", again.took, a.NextBatch, again.NextBatch)
		}
	})
}

func TestHangUpLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		bob := d.device("bob", "B")
		since := d.sync(t.Context(), bob, "", 0).NextBatch
		ctx, hangUp := context.WithCancel(t.Context())
		var a answer
		var done sync.WaitGroup
		done.Go(func() { a = d.sync(ctx, bob, since, 30*time.Second) })
		time.Sleep(time.Second)
		hangUp()
		done.Wait()
		if a.took != time.Second {
			t.Errorf("the poll went on for %v after the client hung up", a.took-time.Second)
		}
		d.send(bob, 1)
		if got := d.sync(t.Context(), bob, since, 0).numbers(); !reflect.DeepEqual(got, []int{1}) {
			t.Errorf("then: %v, want message 1", got)
		}
	})
}

func TestPollOfADeletedDeviceEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		ctx, bob := t.Context(), d.device("bob", "B")
		since := d.sync(ctx, bob, "", 0).NextBatch
		var a answer
		var done sync.WaitGroup
		done.Go(func() { a = d.sync(ctx, bob, since, 30*time.Second) })
		time.Sleep(time.Second)
		if err := d.store.DeleteDevice(ctx, bob.Inbox); err != nil {
			t.Fatal(err)
		}
		d.notifier.Wake(bob.Inbox)
		done.Wait()
		if a.status != 401 || a.Errcode != "M_UNKNOWN_TOKEN" || a.took != time.Second {
			t.Errorf("after %v: %d %s, want 401 M_UNKNOWN_TOKEN at once", a.took, a.status, a.Errcode)
		}
	})
}

// The device is deleted after its token was checked and before the poll waits: the
// wake-up came too early for this poll, which must find out by itself.
func TestPollOfADeviceDeletedAsItBeginsEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		ctx, bob := t.Context(), d.device("bob", "B")
		since := d.sync(ctx, bob, "", 0).NextBatch
		d.beforeWait = func() {
			if err := d.store.DeleteDevice(ctx, bob.Inbox); err != nil {
				t.Error(err)
			}
			d.notifier.Wake(bob.Inbox)
		}
		if a := d.sync(ctx, bob, since, 30*time.Second); a.status != 401 || a.took != 0 {
			t.Errorf("after %v: %d, want 401 at once", a.took, a.status)
		}
	})
}

func TestParallelSyncsSeeTheSame(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		ctx, bob := t.Context(), d.device("bob", "B")
		since := d.sync(ctx, bob, "", 0).NextBatch
		var both [2]answer
		var done sync.WaitGroup
		for i := range both {
			done.Go(func() { both[i] = d.sync(ctx, bob, since, 30*time.Second) })
		}
		synctest.Wait()
		d.send(bob, 1)
		done.Wait()
		for i, a := range both {
			if !reflect.DeepEqual(a.numbers(), []int{1}) {
				t.Errorf("sync %d: %v, want message 1", i, a.numbers())
			}
		}
	})
}

func TestEveryResponseSaysWhatClientsReadUnguarded(t *testing.T) {
	d := newDoor(t)
	defer d.close()
	ctx, bob := t.Context(), d.device("bob", "B")
	d.send(bob, 1)
	initial := d.sync(ctx, bob, "", 0)
	incremental := d.sync(ctx, bob, initial.NextBatch, 0)
	for name, a := range map[string]answer{"initial": initial, "incremental": incremental} {
		for key, want := range map[string]string{
			"device_one_time_keys_count":       `{"signed_curve25519":0}`,
			"device_unused_fallback_key_types": `[]`,
			"account_data":                     `{"events":[]}`,
			"presence":                         `{"events":[]}`,
			"rooms":                            `{"invite":{},"join":{},"knock":{},"leave":{}}`,
		} {
			if string(a.raw[key]) != want {
				t.Errorf("%s: %s is %s, want %s", name, key, a.raw[key], want)
			}
		}
	}
	if _, ok := initial.raw["device_lists"]; ok {
		t.Error("an initial sync has device_lists")
	}
	if got := string(incremental.raw["device_lists"]); got != `{"changed":[],"left":[]}` {
		t.Errorf("device_lists is %s", got)
	}
	if got := string(incremental.raw["to_device"]); got != `{"events":[]}` {
		t.Errorf("without messages to_device is %s", got)
	}
	var event map[string]json.RawMessage
	if err := json.Unmarshal(initial.ToDevice.Events[0], &event); err != nil || len(event) != 3 ||
		string(event["content"]) != `{"n":1}` || string(event["sender"]) != `"@sender:here.test"` || string(event["type"]) != `"t"` {
		t.Errorf("event %s, want exactly content, sender and type", initial.ToDevice.Events[0])
	}
}

func TestConfirmationIsHeardOf(t *testing.T) {
	d := newDoor(t)
	defer d.close()
	ctx, bob := t.Context(), d.device("bob", "B")
	acc, err := d.relay.Send(ctx, todevice.Batch{Sends: []todevice.Send{{Type: "t", Messages: []todevice.Message{
		{To: bob.User, Device: bob.ID, Content: json.RawMessage(`{}`)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	a := d.sync(ctx, bob, "", 0)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := d.notifier.AwaitConfirmation(ended, acc.Deliveries); err == nil {
		t.Error("a message that was only handed out counts as confirmed")
	}
	d.sync(ctx, bob, a.NextBatch, 0)
	if err := d.notifier.AwaitConfirmation(ended, acc.Deliveries); err != nil {
		t.Errorf("a confirmed message does not count as confirmed: %v", err)
	}
}

// A failsOnce store cannot keep presence the first time.
type failsOnce struct {
	*sqlite.Store
	left int
}

func (f *failsOnce) SetPresence(ctx context.Context, l string, s todevice.PresenceState, m *string) error {
	if f.left > 0 {
		f.left--
		return errors.New("the disk failed")
	}
	return f.Store.SetPresence(ctx, l, s, m)
}

func TestPresenceOfASyncThatFailedIsSaidAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		bob := d.device("bob", "B")
		log, _ := test.NewNullLogger()
		router := httpapi.NewRouter()
		syncapi.New(&failsOnce{d.store, 1}, d, logrus.NewEntry(log)).Routes(router)
		d.handler = router
		first := d.syncWith(bob, "", url.Values{"set_presence": {"online"}}).status
		second := d.syncWith(bob, "", url.Values{"set_presence": {"online"}}).status
		if got, err := d.store.Presence(t.Context(), "bob"); got.State != todevice.Online {
			t.Errorf("answers %d and %d, and bob is %s, %v", first, second, got.State, err)
		}
	})
}
