package rtmcompat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/todevice"
)

var serviceUser = todevice.UserID{Localpart: namespace + "channels", Server: serverName}

// run runs the door until the test has ended, or stop is called.
func (r *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.server.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

// asks sends an event to the service user of the app, and waits until it was read.
func (r *rig) asks(from todevice.UserID, eventType, content string) {
	r.t.Helper()
	_, err := r.sender.Send(context.Background(), todevice.Batch{Sends: []todevice.Send{{
		Sender: from, Type: "im.chappe.rtm.channel." + eventType,
		Messages: []todevice.Message{{To: serviceUser, Device: todevice.AllDevices, Content: json.RawMessage(content)}},
	}}})
	if err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// told gives, in short, what a guest's device was told since the last call.
func (r *rig) told(device todevice.Device) string {
	r.t.Helper()
	events, _, err := r.store.Pending(context.Background(), device.Inbox, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, shortEvent(e.JSON))
		if _, err := r.store.Confirm(context.Background(), device.Inbox, e.Position); err != nil {
			r.t.Fatal(err)
		}
	}
	return strings.Join(out, " ")
}

// shortEvent writes an event in a few letters: "room:ann:hello", "room+ann(2)", "room-ann(1)".
func shortEvent(event []byte) string {
	var e struct {
		Sender, Type string
		Content      struct {
			AppID     string `json:"app_id"`
			Channel   string
			From      string
			Sender    string
			Payload   string
			MessageID string `json:"message_id"`
			ServerTS  int64  `json:"server_ts"`
			Members   int
		}
	}
	c := &e.Content
	if json.Unmarshal(event, &e) != nil || e.Sender != serviceUser.String() || c.AppID != appID || c.ServerTS == 0 {
		return "bad:" + string(event)
	}
	if c.Sender != c.From && c.Sender != "@"+namespace+c.From+":"+serverName {
		return "bad sender:" + string(event)
	}
	switch e.Type {
	case "im.chappe.rtm.channel_message":
		if c.MessageID == "" {
			return "bad:" + string(event)
		}
		return c.Channel + ":" + c.From + ":" + c.Payload
	case "im.chappe.rtm.channel.join":
		return fmt.Sprintf("%s+%s(%d)", c.Channel, c.From, c.Members)
	case "im.chappe.rtm.channel.leave":
		return fmt.Sprintf("%s-%s(%d)", c.Channel, c.From, c.Members)
	}
	return "bad:" + string(event)
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestGuestsAndSessionsHearEachOtherInOneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		stop := r.run()
		defer stop()
		ann := r.join("room", "ann")
		bob, eve := r.device("bob", "B"), r.device("eve", "E")
		r.asks(bob.User, "join", `{"channel":"room","app_id":"`+appID+`"}`)
		expect(t, "bob joins", r.told(bob), "room+@bob:chappe.test(2)")
		if got := r.hub.Members(appID, "room"); len(got) != 2 {
			t.Errorf("members are %q", got)
		}
		if _, err := r.hub.Publish(appID, "room", channels.Message{From: "ann", Sender: ann, Body: "one"}); err != nil {
			t.Fatal(err)
		}
		r.do(request(channelPath("backend"), channelBody("payload", "two"))).want(t, http.StatusOK, "message_sent")
		r.asks(bob.User, "message", `{"channel":"room","payload":"three"}`)
		r.asks(eve.User, "join", `{"channel":"room"}`)
		r.asks(eve.User, "join", `{"channel":"room"}`)
		r.asks(eve.User, "message", `{"channel":"room","payload":"four"}`)
		dan := r.join("room", "dan")
		r.hub.LeaveAll(dan)
		r.asks(eve.User, "leave", `{"channel":"room"}`)
		r.asks(eve.User, "message", `{"channel":"room","payload":"of one who has left"}`)
		ann.want(t, "room backend: two", "room @bob:chappe.test: three", "room @eve:chappe.test: four")
		expect(t, "bob", r.told(bob), "room:ann:one room:backend:two room+@eve:chappe.test(3) room:@eve:chappe.test:four "+
			"room+dan(4) room-dan(3) room-@eve:chappe.test(2)")
		expect(t, "eve", r.told(eve), "room+@eve:chappe.test(3) room+@eve:chappe.test(3) room+dan(4) room-dan(3)")
		expect(t, "the service user", r.told(r.device(serviceUser.Localpart, "RTM")), "")
	})
}

func TestGuestsAreGuestsBeyondARestartAndForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		bob, eve, old := r.device("bob", "B"), r.device("eve", "E"), r.device("old", "O")
		stop := r.run()
		for _, d := range []todevice.Device{bob, eve, old} {
			r.asks(d.User, "join", `{"channel":"room"}`)
		}
		stop()
		again := newRigOn(t, r.store)
		stop = again.run()
		defer stop()
		ann := again.join("room", "ann")
		if got := again.hub.Count(appID, "room"); got != 4 {
			t.Errorf("%d members after a restart, want 4", got)
		}
		time.Sleep(23 * time.Hour)
		again.asks(bob.User, "message", `{"channel":"room","payload":"still here"}`)
		if _, err := r.store.Deactivate(context.Background(), "old"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := again.hub.Count(appID, "room"); got != 3 {
			t.Errorf("%d members after one was deactivated, want 3", got)
		}
		again.told(bob)
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := again.hub.Count(appID, "room"); got != 2 {
			t.Errorf("%d members after a day, want 2", got)
		}
		expect(t, "bob", again.told(bob), "room-@eve:chappe.test(2)")
		ann.want(t, "room @bob:chappe.test: still here")
	})
}

func TestWhatGuestsCannotAskForStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		stop := r.run()
		defer stop()
		ann := r.join("room", "ann")
		bob := r.device("bob", "B")
		for _, c := range []struct{ eventType, content string }{
			{"message", `{"channel":"room","payload":"of no guest"}`},
			{"leave", `{"channel":"room"}`},
			{"join", `{}`},
			{"join", `{"channel":1}`},
			{"join", `{"channel":"a/b"}`},
			{"join", `{"channel":"room","app_id":"` + otherAppID + `"}`},
			{"dance", `{"channel":"room"}`},
			{"join", `{"channel":"room"}`},
			{"message", `{"channel":"room"}`},
			{"message", `{"channel":"room","payload":"` + strings.Repeat("a", 32769) + `"}`},
			{"message", `{"channel":"room","payload":"` + strings.Repeat(`\u0001`, 10900) + `"}`},
			{"message", `{"channel":"room","payload":"good"}`},
		} {
			r.asks(bob.User, c.eventType, c.content)
		}
		ann.want(t, "room @bob:chappe.test: good")
		expect(t, "bob", r.told(bob), "room+@bob:chappe.test(2)")
	})
}

func TestGuestIsInTwentyChannelsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		bob := r.device("bob", "B")
		stop := r.run()
		for i := range 21 {
			r.asks(bob.User, "join", fmt.Sprintf(`{"channel":"c%d"}`, i))
		}
		stop()
		again := newRigOn(t, r.store)
		defer again.run()()
		again.asks(bob.User, "join", `{"channel":"c21"}`)
		again.asks(bob.User, "leave", `{"channel":"c0"}`)
		again.asks(bob.User, "join", `{"channel":"c1"}`)
		again.asks(bob.User, "join", `{"channel":"c22"}`)
		again.asks(bob.User, "join", `{"channel":"c23"}`)
		in := again.hub.Guests(appID)
		if len(in) != 20 || in["c22"] == nil || in["c0"] != nil {
			t.Errorf("bob is in %v", in)
		}
	})
}
