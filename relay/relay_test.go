package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/todevice"
)

const here = "here.test"

// A notebook stands for storage where a test asks only what the relay hands on.
type notebook struct {
	batches []todevice.Batch
	err     error
}

func (n *notebook) Accept(_ context.Context, b todevice.Batch) (todevice.Accepted, error) {
	n.batches = append(n.batches, b)
	acc := todevice.Accepted{Deliveries: []todevice.Delivery{{Inbox: 1, Position: 1}}}
	for _, edu := range b.EDUs {
		acc.Servers = append(acc.Servers, edu.Destination)
	}
	return acc, n.err
}

type bells []spec.ServerName

func (*bells) Admit(context.Context, []spec.ServerName) {}

func (b *bells) Wake(servers []spec.ServerName) { *b = append(*b, servers...) }

func user(t *testing.T, id string) todevice.UserID {
	t.Helper()
	u, err := todevice.ParseUserID(id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func message(t *testing.T, to, device, content string) todevice.Message {
	return todevice.Message{To: user(t, to), Device: device, Content: json.RawMessage(content)}
}

func newRelay(store Store) (*Relay, *Notifier, *bells) {
	notifier, servers := NewNotifier(), &bells{}
	return New(store, here, todevice.ServerRules{}, notifier, servers, prometheus.NewRegistry()), notifier, servers
}

func TestRemoteRecipientsGoOutByServer(t *testing.T) {
	store := &notebook{}
	r, _, servers := newRelay(store)
	_, err := r.Send(t.Context(), todevice.Batch{Sends: []todevice.Send{{
		Sender: user(t, "@a:"+here), Type: `odd "type"`,
		Messages: []todevice.Message{
			message(t, "@l:"+here, "L", `{"l":1}`),
			message(t, "@y1:y.test", "D1", `{"n":1}`),
			message(t, "@y1:y.test", `D"2`, `{"n":2}`),
			message(t, "@x:x.test:8448", "*", `{"n":3}`),
			message(t, "@y2:y.test", "D1", `{"n":4}`),
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	batch := store.batches[0]
	if local := batch.Sends[0].Messages; len(local) != 1 || local[0].To.Localpart != "l" {
		t.Errorf("left for local devices: %v", local)
	}
	want := map[spec.ServerName]string{
		"x.test:8448": `{"@x:x.test:8448":{"*":{"n":3}}}`,
		"y.test":      `{"@y1:y.test":{"D\"2":{"n":2},"D1":{"n":1}},"@y2:y.test":{"D1":{"n":4}}}`,
	}
	ids := map[string]bool{}
	for _, edu := range batch.EDUs {
		var got struct {
			EDUType string `json:"edu_type"`
			Content struct {
				MessageID string `json:"message_id"`
				Sender    string
				Type      string
				Messages  json.RawMessage
			}
		}
		if err := json.Unmarshal(edu.JSON, &got); err != nil {
			t.Fatalf("%s: %v", edu.JSON, err)
		}
		if got.EDUType != "m.direct_to_device" || got.Content.Sender != "@a:"+here || got.Content.Type != `odd "type"` {
			t.Errorf("EDU %s", edu.JSON)
		}
		if id := got.Content.MessageID; len(id) < 22 || len(id) > 32 || ids[id] {
			t.Errorf("message ID %q", id)
		}
		ids[got.Content.MessageID] = true
		if !sameJSON(t, string(got.Content.Messages), want[edu.Destination]) {
			t.Errorf("for %s: %s, want %s", edu.Destination, got.Content.Messages, want[edu.Destination])
		}
	}
	if len(batch.EDUs) != 2 || len(*servers) != 2 {
		t.Errorf("%d EDUs, servers woken: %v; want 2", len(batch.EDUs), *servers)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

func TestLargeSendsAreSplitAndNothingIsLeftOut(t *testing.T) {
	store := &notebook{}
	r, _, _ := newRelay(store)
	send := todevice.Send{Sender: user(t, "@a:"+here), Type: "t"}
	for i := range 40 {
		content := fmt.Sprintf(`{"n":%d,"pad":%q}`, i, strings.Repeat("x", 1000+1500*i))
		send.Messages = append(send.Messages, message(t, fmt.Sprintf("@u%d:y.test", i/3), fmt.Sprint(i), content))
	}
	if _, err := r.Send(t.Context(), todevice.Batch{Sends: []todevice.Send{send}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, edu := range store.batches[0].EDUs {
		var content struct {
			Content struct {
				Messages map[string]map[string]struct{ N int }
			}
		}
		if err := json.Unmarshal(edu.JSON, &content); err != nil {
			t.Fatal(err)
		}
		recipients := 0
		for _, devices := range content.Content.Messages {
			for device, message := range devices {
				if fmt.Sprint(message.N) == device {
					got = append(got, device)
				}
				recipients++
			}
		}
		if len(edu.JSON) > 65536 && recipients > 1 {
			t.Errorf("an EDU of %d bytes has %d recipients", len(edu.JSON), recipients)
		}
	}
	if len(got) != 40 || len(store.batches[0].EDUs) < 10 {
		t.Errorf("%d of 40 messages in %d EDUs", len(got), len(store.batches[0].EDUs))
	}
}

// Apart from the message to all devices, a named device would get both.
func TestMessageToAllDevicesGoesWithThoseToNamedOnes(t *testing.T) {
	store := &notebook{}
	r, _, _ := newRelay(store)
	large := `{"pad":"` + strings.Repeat("x", 40_000) + `"}`
	_, err := r.Send(t.Context(), todevice.Batch{Sends: []todevice.Send{{Sender: user(t, "@a:"+here), Type: "t", Messages: []todevice.Message{
		message(t, "@y:y.test", "!first", large), message(t, "@y:y.test", "*", large), message(t, "@y:y.test", "last", large),
		message(t, "@z:y.test", "1", large), message(t, "@z:y.test", "2", large),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, edu := range store.batches[0].EDUs {
		got = append(got, strings.Count(string(edu.JSON), `"pad"`))
	}
	if !reflect.DeepEqual(got, []int{3, 1, 1}) {
		t.Errorf("messages by EDU: %v, want [3 1 1]", got)
	}
}

func TestWhatCannotBeSignedIsRefusedWholeUnlessItCameFromAServer(t *testing.T) {
	for _, c := range []struct {
		content string
		want    error
	}{
		{`{"n":1.5}`, todevice.ErrContentNotCanonical},
		{`{"n":9007199254740992}`, todevice.ErrContentNotCanonical},
		{`{"n":"\ud800"}`, todevice.ErrContentNotCanonical},
		{`{"n":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, todevice.ErrContentNotCanonical},
		{`{"pad":"` + strings.Repeat("a", 65536-10) + `"}`, nil},
		{`{"pad":"` + strings.Repeat("a", 65536-9) + `"}`, todevice.ErrContentTooLarge},
		{`{"pad":   "` + strings.Repeat("a", 65536-10) + `"}`, nil}, // it is the canonical form that counts
	} {
		for _, to := range []string{"@l:" + here, "@y:y.test"} {
			store := &notebook{}
			r, _, _ := newRelay(store)
			batch := todevice.Batch{Sends: []todevice.Send{{Sender: user(t, "@a:"+here), Type: "t", Messages: []todevice.Message{
				message(t, "@good:"+here, "D", `{}`), message(t, to, "D", c.content),
			}}}}
			if _, err := r.Send(t.Context(), batch); !errors.Is(err, c.want) || (c.want != nil && len(store.batches) != 0) {
				t.Errorf("to %s: %v and %d batches stored, want %v", to, err, len(store.batches), c.want)
			}
			batch.Source = todevice.Source{Origin: "y.test", TxnID: "t"}
			if _, err := r.Send(t.Context(), batch); err != nil {
				t.Errorf("from another server: %v", err)
			}
		}
	}
}

func TestWhiteSpaceFillsNoInbox(t *testing.T) {
	store := &notebook{}
	r, _, _ := newRelay(store)
	padded, kept := `{"n":`+strings.Repeat(" ", 1<<20)+`1}`, `{ "n" : 1 }`
	_, err := r.Send(t.Context(), todevice.Batch{Sends: []todevice.Send{{Sender: user(t, "@a:"+here), Type: "t", Messages: []todevice.Message{
		message(t, "@l:"+here, "A", padded), message(t, "@l:"+here, "B", kept),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`{"n":1}`, kept} {
		if got := store.batches[0].Sends[0].Messages[i].Content; string(got) != want {
			t.Errorf("content %d has %d bytes, want %s", i, len(got), want)
		}
	}
}

func TestWhatAServerSentIsNotPassedOn(t *testing.T) {
	store := &notebook{}
	r, _, _ := newRelay(store)
	_, err := r.Send(t.Context(), todevice.Batch{
		Source: todevice.Source{Origin: "y.test", TxnID: "t"},
		Sends:  []todevice.Send{{Sender: user(t, "@y:y.test"), Type: "t", Messages: []todevice.Message{message(t, "@x:x.test", "D", `{}`)}}},
	})
	if err != nil || len(store.batches[0].EDUs) != 0 || len(store.batches[0].Sends[0].Messages) != 0 {
		t.Errorf("%v, handed on: %+v", err, store.batches)
	}
}

func TestNobodyIsWokenForWhatWasNotStored(t *testing.T) {
	store := &notebook{err: errors.New("disk full")}
	r, notifier, servers := newRelay(store)
	woken, leave := notifier.Wait(todevice.Device{Inbox: 1})
	defer leave()
	batch := todevice.Batch{Sends: []todevice.Send{{Type: "t", Messages: []todevice.Message{message(t, "@y:y.test", "D", `{}`)}}}}
	if _, err := r.Send(t.Context(), batch); !errors.Is(err, store.err) || len(woken) != 0 || len(*servers) != 0 {
		t.Errorf("%v; woken: %d devices, servers %v", err, len(woken), *servers)
	}
	store.err = nil
	if _, err := r.Send(t.Context(), batch); err != nil || len(woken) != 1 || len(*servers) != 1 {
		t.Errorf("%v; woken: %d devices, servers %v; want one each", err, len(woken), *servers)
	}
}

func TestDeviceIsOnlineWhileItWaitsAndHalfAMinuteAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNotifier()
		if n.Online(1) {
			t.Error("online before it was ever there")
		}
		_, leave := n.Wait(todevice.Device{Inbox: 1})
		time.Sleep(time.Hour)
		if !n.Online(1) || n.Online(2) {
			t.Error("a waiting device is offline, or another is online")
		}
		leave()
		time.Sleep(onlineFor - time.Nanosecond)
		if !n.Online(1) {
			t.Error("offline too soon")
		}
		time.Sleep(time.Nanosecond)
		if n.Online(1) {
			t.Error("online for too long")
		}
		n.Saw(todevice.Device{Inbox: 2})
		if len(n.seen) != 1 || len(n.waiting) != 0 || len(n.users) != 1 {
			t.Errorf("still remembered: %v, %v", n.seen, n.waiting)
		}
	})
}

func TestOnlineDevicesOfAUserAreThoseThatAreOrWereJustThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNotifier()
		device := func(id string, inbox todevice.InboxID) todevice.Device {
			return todevice.Device{User: todevice.UserID{Localpart: "ann"}, ID: id, Inbox: inbox}
		}
		want := func(when string, ids ...string) {
			t.Helper()
			if got := n.OnlineDevices("ann"); !slices.Equal(got, ids) {
				t.Errorf("%s: %q are online, want %q", when, got, ids)
			}
		}
		want("at first")
		detach := n.Attach(device("C", 3), &line{})
		_, leave := n.Wait(device("B", 2))
		n.Saw(device("A", 1))
		n.Saw(todevice.Device{User: todevice.UserID{Localpart: "bob"}, ID: "D", Inbox: 4})
		want("all three", "A", "B", "C")
		time.Sleep(onlineFor)
		want("half a minute later", "B", "C")
		leave()
		detach()
		want("when they have just gone", "B")
		time.Sleep(onlineFor)
		want("long after")
		n.Saw(todevice.Device{Inbox: 5})
		if len(n.users) != 1 {
			t.Errorf("still remembered: %v", n.users)
		}
	})
}

func TestConfirmationIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNotifier()
		deliveries := []todevice.Delivery{{Inbox: 1, Position: 5}, {Inbox: 2, Position: 5}}
		n.Confirmed(1, 4)
		n.Confirmed(3, 9)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		if err := n.AwaitConfirmation(ctx, deliveries); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 10*time.Second {
			t.Errorf("unconfirmed: %v after %v", err, time.Since(begun))
		}
		got := make(chan error, 1)
		go func() { got <- n.AwaitConfirmation(t.Context(), deliveries) }()
		synctest.Wait()
		n.Confirmed(2, 7)
		if err := <-got; err != nil {
			t.Errorf("confirmed while waiting: %v", err)
		}
		if err := n.AwaitConfirmation(ctx, deliveries); err != nil {
			t.Errorf("confirmed before waiting: %v", err)
		}
		if len(n.confirming) != 0 {
			t.Errorf("waits left behind: %v", n.confirming)
		}
	})
}

func TestNothingIsQueuedForADeniedServer(t *testing.T) {
	store, notifier, servers := &notebook{}, NewNotifier(), &bells{}
	registry := prometheus.NewRegistry()
	r := New(store, here, todevice.NewServerRules(nil, []string{"evil.test"}), notifier, servers, registry)
	accepted, err := r.Send(t.Context(), todevice.Batch{Sends: []todevice.Send{{
		Sender: user(t, "@a:"+here), Type: "t",
		Messages: []todevice.Message{
			message(t, "@l:"+here, "L", `{}`),
			message(t, "@e:evil.test", "D1", `{}`),
			message(t, "@e:EVIL.test:8449", "*", `{}`),
			message(t, "@g:good.test", "D", `{}`),
		},
	}}})
	if err != nil || accepted.Skipped.DeniedServers != 2 {
		t.Errorf("got %+v, %v; want 2 entries skipped", accepted, err)
	}
	batch := store.batches[0]
	if len(batch.EDUs) != 1 || batch.EDUs[0].Destination != "good.test" || len(batch.Sends[0].Messages) != 1 {
		t.Errorf("accepted %+v", batch)
	}
	if len(*servers) != 1 || (*servers)[0] != "good.test" {
		t.Errorf("woken: %v", *servers)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := 0.0
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if label := metric.GetLabel(); len(label) == 1 && label[0].GetValue() == "denied_server" {
				counted = metric.GetCounter().GetValue()
			}
		}
	}
	if counted != 2 {
		t.Errorf("%v entries counted, want 2", counted)
	}
}

func TestRefusedBatchesAreCountedByReason(t *testing.T) {
	registry := prometheus.NewRegistry()
	store := &notebook{}
	r := New(store, here, todevice.ServerRules{}, NewNotifier(), &bells{}, registry)
	send := func(content string, fault error) {
		store.err = fault
		_, _ = r.Send(t.Context(), todevice.Batch{Sends: []todevice.Send{{Sender: user(t, "@a:"+here),
			Messages: []todevice.Message{message(t, "@l:"+here, "L", content)}}}})
	}
	send(`{}`, nil)
	send(`{}`, fmt.Errorf("accept: %w", todevice.ErrInboxFull))
	send(`{}`, fmt.Errorf("accept: %w", todevice.ErrInboxFull))
	send(`{}`, todevice.ErrUnknownDevice)
	send(`{}`, errors.New("a fault of the disk"))
	send(`{"n":1.5}`, nil)
	send(`{"n":"`+strings.Repeat("a", todevice.MaxContent)+`"}`, nil)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() == "todevice_refused_total" {
			for _, metric := range family.GetMetric() {
				got[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	want := map[string]float64{"full_inbox": 2, "unknown_sender": 1, "content_not_canonical": 1, "content_too_large": 1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// A gate counts how often somebody is held up.
type gate struct {
	bells
	held int
}

func (g *gate) Admit(context.Context, []spec.ServerName) { g.held++ }

func TestOnlyWhoSendsForItselfIsHeldUp(t *testing.T) {
	servers := &gate{}
	r := New(&notebook{}, here, todevice.ServerRules{}, NewNotifier(), servers, prometheus.NewRegistry())
	for unattended, want := range map[bool]int{false: 1, true: 0} {
		servers.held = 0
		_, err := r.Send(t.Context(), todevice.Batch{Unattended: unattended, Sends: []todevice.Send{{Sender: user(t, "@a:"+here),
			Messages: []todevice.Message{message(t, "@b:other.test", "B", `{}`)}}}})
		if err != nil || servers.held != want {
			t.Errorf("unattended %v: held up %d times, want %d (%v)", unattended, servers.held, want, err)
		}
	}
}
