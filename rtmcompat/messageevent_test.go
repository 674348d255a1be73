package rtmcompat_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const hookID = "hook"

// newHookedRig makes a rig with a webhook that wants to hear of messages of the app.
func newHookedRig(t *testing.T) *rig {
	t.Helper()
	var r *rig
	r = newRigWith(t, sqlite.Options{
		Webhooks: []todevice.RTMWebhook{{ID: hookID, App: appID, Events: []todevice.RTMEventType{todevice.RTMDelivered, todevice.RTMExpired}}},
		RTMMessage: func(to todevice.UserID, event []byte) (todevice.RTMEvent, bool) {
			return r.door.MessageEvent(to, event)
		},
	}, rtmcompat.Config{Apps: testApps()}, nil)
	return r
}

// hooked gives what waits for the webhook.
func (r *rig) hooked() []todevice.RTMWebhookEvent {
	r.t.Helper()
	events, err := r.store.WebhookEvents(r.t.Context(), hookID, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	return events
}

// confirmAll confirms what waits for a device, and gives it.
func (r *rig) confirmAll(device todevice.Device) []event {
	r.t.Helper()
	events := r.pending(device)
	if _, err := r.store.Confirm(r.t.Context(), device.Inbox, events[len(events)-1].position); err != nil {
		r.t.Fatal(err)
	}
	return events
}

func TestAWebhookHearsWhichMessagesADeviceHas(t *testing.T) {
	r := newHookedRig(t)
	bob, guest := r.device(namespace+"_bob", "RTM"), r.device("guest", "D")
	r.device(namespace+"_bob", "ASLEEP") // so that the message is stored once for two
	for _, to := range []string{"Bob", "Bob", "@guest:" + serverName} {
		r.send("", object("destination", to, "enable_offline_messaging", true), "message_sent")
	}
	if got := r.hooked(); len(got) > 0 {
		t.Errorf("before a device has them: %+v", got)
	}
	want := r.confirmAll(bob)
	want = append(want, r.confirmAll(guest)...)
	got := r.hooked()
	if len(got) != 3 || len(want) != 3 {
		t.Fatalf("%d events of %d messages, want 3 of 3", len(got), len(want))
	}
	for i, user := range []string{"Bob", "Bob", "@guest:" + serverName} {
		e := got[i]
		if e.Type != todevice.RTMDelivered || e.App != appID || e.User != user || e.MessageID != want[i].Content.MessageID || e.MessageID == "" {
			t.Errorf("event %d is %+v, want the message %s for %s", i, e, want[i].Content.MessageID, user)
		}
	}
	if events, err := r.store.DrainRTMEvents(t.Context(), appID, todevice.RTMUserEvents, 10); err != nil || len(events) > 0 {
		t.Errorf("the drain gives %v, %v", events, err)
	}
}

func TestAWebhookHearsNothingOfWhatOnlyLooksLikeAMessage(t *testing.T) {
	r := newHookedRig(t)
	bob := r.device(namespace+"bob", "RTM")
	send := func(sender todevice.UserID, eventType, content string) {
		message := todevice.Message{To: bob.User, Device: "RTM", Content: json.RawMessage(content)}
		_, err := r.store.Accept(t.Context(), todevice.Batch{Sends: []todevice.Send{{Sender: sender, Type: eventType, Messages: []todevice.Message{message}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	good := `{"app_id":"` + appID + `","message_id":"m"}`
	ofApp := todevice.UserID{Localpart: namespace + "alice", Server: serverName}
	send(todevice.UserID{Localpart: "mallory", Server: serverName}, rtmcompat.PeerMessageType, good)
	send(todevice.UserID{Localpart: namespace + "alice", Server: "elsewhere.test"}, rtmcompat.PeerMessageType, good)
	send(ofApp, "m.other", `{"type":"`+rtmcompat.PeerMessageType+`","app_id":"`+appID+`"}`)
	send(ofApp, rtmcompat.PeerMessageType, `{"app_id":"unknown","message_id":"m"}`)
	send(ofApp, rtmcompat.PeerMessageType, `{}`)
	send(ofApp, rtmcompat.PeerMessageType, `{"app_id":"`+otherAppID+`","message_id":"m"}`)
	r.confirmAll(bob)
	if got := r.hooked(); len(got) > 0 {
		t.Errorf("it hears of %+v", got)
	}
	send(ofApp, rtmcompat.PeerMessageType, good)
	r.confirmAll(bob)
	if got := r.hooked(); len(got) != 1 {
		t.Errorf("of a good one it hears %+v", got)
	}
}

func TestAWebhookHearsWhichMessagesNobodyCameFor(t *testing.T) {
	r := newHookedRig(t)
	bob := r.device(namespace+"bob", "RTM")
	r.send("", object("enable_offline_messaging", true), "message_sent")
	want := r.pending(bob)[0].Content.MessageID
	if _, err := r.store.ExpireMessages(t.Context(), time.Now().Add(8*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	got := r.hooked()
	if len(got) != 1 || got[0].Type != todevice.RTMExpired || got[0].User != "bob" || got[0].MessageID != want {
		t.Errorf("it hears %+v, want that %s has expired for bob", got, want)
	}
}
