package rtmcompat_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

func TestAMessageReachesAllDevicesOfAMatrixUser(t *testing.T) {
	r := newRig(t)
	laptop, phone := r.device("bob", "LAPTOP"), r.device("bob", "PHONE")
	before := time.Now().UnixMilli()
	r.send("", object("destination", "@bob:"+serverName, "payload", "<\"é\u2028\x01😀>", "enable_offline_messaging", true), "message_sent")
	events := append(r.pending(laptop), r.pending(phone)...)
	if len(events) != 2 || events[0].raw != events[1].raw {
		t.Fatalf("what arrived is %+v, want one message on each device", events)
	}
	e := events[0]
	if e.Content.ServerTS < before || e.Content.ServerTS > time.Now().UnixMilli() {
		t.Errorf("server_ts is %d", e.Content.ServerTS)
	}
	if len(e.Content.MessageID) < 22 {
		t.Errorf("message_id is %q, which has no 128 random bits", e.Content.MessageID)
	}
	content := fmt.Sprintf(`{"app_id":"%s","from":"alice","message_id":"%s","payload":"<\"é`+"\u2028"+`\u0001😀>","server_ts":%d}`,
		appID, e.Content.MessageID, e.Content.ServerTS)
	if !strings.Contains(e.raw, content) {
		t.Errorf("the event is %s, want the content %s", e.raw, content)
	}
	if e.Sender != "@rtm_demo_alice:"+serverName || e.Type != "im.chappe.rtm.peer_message" {
		t.Errorf("the event is a %s from %s", e.Type, e.Sender)
	}
}

func TestEachMessageHasItsOwnID(t *testing.T) {
	r := newRig(t)
	bob := r.device("bob", "LAPTOP")
	for range 3 {
		r.send("", object("destination", bob.User.String(), "enable_offline_messaging", true), "message_sent")
	}
	ids := make(map[string]bool)
	for _, e := range r.pending(bob) {
		ids[e.Content.MessageID] = true
	}
	if len(ids) != 3 {
		t.Errorf("three equal messages have %d IDs", len(ids))
	}
}

func TestAnUIDIsAUserOfTheAppAndAMatrixIDIsThatUser(t *testing.T) {
	cases := []struct{ destination, localpart string }{
		{"bob", "rtm_demo_bob"},
		{"Bob_1", "rtm_demo__bob__1"},
		{" a=b ", "rtm_demo_=20a=3db=20"},
		{"null", "rtm_demo_null"},
		{"@bob:" + serverName, "bob"},
		{"@Bob:" + serverName, "Bob"},
		{"@rtm_demo_bob:" + serverName, "rtm_demo_bob"},
		{"@" + strings.Repeat("x", 242) + ":" + serverName, strings.Repeat("x", 242)},
		{"@bob", "rtm_demo_=40bob"},
		{"bob:" + serverName, "rtm_demo_bob=3achappe.test"},
		{" @bob:" + serverName, "rtm_demo_=20=40bob=3achappe.test"},
		{"@:" + serverName, "rtm_demo_=40=3achappe.test"},
		{"@bob:", "rtm_demo_=40bob=3a"},
		{"@bob:no server", "rtm_demo_=40bob=3ano=20server"},
		{"@bob:host:port", "rtm_demo_=40bob=3ahost=3aport"},
	}
	for _, c := range cases {
		t.Run(c.destination, func(t *testing.T) {
			r := newRig(t)
			device := r.device(c.localpart, "RTM")
			bystander := r.device("bystander", "RTM")
			r.send("", object("destination", c.destination, "enable_offline_messaging", true), "message_sent")
			r.wantPayloads(device, "hello")
			r.wantPayloads(bystander)
		})
	}
}

func TestADestinationTooLongForAMatrixIDIsRefused(t *testing.T) {
	r := newRig(t)
	for _, destination := range []string{
		"@" + strings.Repeat("x", 243) + ":" + serverName, // 256 bytes
		"@" + strings.Repeat("x", 100) + ":no server",
		strings.Repeat("x", 100),
	} {
		a := r.do(request(peerPath("alice"), object("destination", destination)))
		a.want(t, http.StatusBadRequest, "invalid_parameter")
	}
}

func TestAUserWhoseMatrixIDWouldBeTooLongIsRefused(t *testing.T) {
	// 64 escaped characters and the rest of the ID make 192+2+11 bytes.
	for spare, status := range map[int]int{50: http.StatusOK, 51: http.StatusBadRequest} {
		app := testApps()[0]
		app.Namespace = strings.Repeat("n", spare)
		r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: []rtmcompat.App{app}}, nil)
		code := map[int]string{200: "message_sent", 400: "invalid_parameter"}[status]
		long := strings.Repeat("~", 64)
		r.do(request(peerPath(long), object())).want(t, status, code)
		r.do(request(peerPath("alice"), object("destination", long))).want(t, status, code)
	}
}

func TestAnAppHasNoPartInAnothersNamespace(t *testing.T) {
	cases := []struct {
		from, to string
		status   int
	}{
		{"rtmDemoAlice", "bob", http.StatusBadRequest}, // would be @rtm_demo_alice, who is alice of the other app
		{"alice", "rtmDemoBob", http.StatusBadRequest},
		{"rtm_demo_alice", "rtm_demo_bob", http.StatusOK}, // @rtm__demo__alice
	}
	r := newRig(t)
	for _, c := range cases {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			req := request(strings.Replace(peerPath(c.from), appID, otherAppID, 1), object("destination", c.to))
			req.SetBasicAuth("other", "other secret")
			r.do(req).want(t, c.status, map[int]string{200: "message_sent", 400: "invalid_parameter"}[c.status])
		})
	}
}

func TestWithoutANamespaceUIDsAreLocalparts(t *testing.T) {
	r := newRig(t)
	bob := r.device("bob", "LAPTOP")
	req := request(strings.Replace(peerPath("alice"), appID, otherAppID, 1), object("enable_offline_messaging", true))
	req.SetBasicAuth("other", "other secret")
	r.do(req).want(t, http.StatusOK, "message_sent")
	if events := r.pending(bob); len(events) != 1 || events[0].Sender != "@alice:"+serverName || events[0].Content.AppID != otherAppID {
		t.Errorf("what arrived is %+v", events)
	}
}

func TestAnOfflineMessageIsKeptForAUserNeverSeen(t *testing.T) {
	r := newRig(t)
	r.send("", object("enable_offline_messaging", true, "payload", "first"), "message_sent")
	r.send("", object("enable_offline_messaging", true, "payload", "second"), "message_sent")
	devices, err := r.store.UserDevices(t.Context(), namespace+"bob")
	if err != nil || len(devices) != 1 || devices[0].ID != "RTM" {
		t.Fatalf("the receiver has the devices %v, %v; want RTM alone", devices, err)
	}
	r.wantPayloads(devices[0], "first", "second")
}

func TestNoUserIsMadeWhereNothingIsKeptOrAMatrixUserIsMeant(t *testing.T) {
	r := newRig(t)
	r.send("", object("destination", "carol"), "message_sent")
	r.send("", object("destination", "@carol:"+serverName, "enable_offline_messaging", true), "message_sent")
	for _, localpart := range []string{"carol", namespace + "carol", namespace + "alice"} {
		devices, err := r.store.UserDevices(t.Context(), localpart)
		if err != nil || len(devices) != 0 {
			t.Errorf("%s has the devices %v, %v", localpart, devices, err)
		}
	}
}

func TestWithoutOfflineMessagingOnlyDevicesOnlineGetIt(t *testing.T) {
	r := newRig(t)
	offline, online, waiting := r.device("bob", "OFFLINE"), r.device("bob", "ONLINE"), r.device("bob", "WAITING")
	other := r.device("other", "ONLINE")
	r.notifier.Saw(online)
	r.notifier.Saw(other)
	woken, leave := r.notifier.Wait(waiting)
	defer leave()
	r.send("", object("destination", "@bob:"+serverName), "message_sent")
	r.wantPayloads(online, "hello")
	r.wantPayloads(waiting, "hello")
	r.wantPayloads(offline)
	r.wantPayloads(other)
	select {
	case <-woken:
	default:
		t.Error("the device that waits was not woken")
	}
}

func TestWithoutOfflineMessagingAnOfflineReceiverNeverGetsIt(t *testing.T) {
	r := newRig(t)
	device := r.device(namespace+"bob", "RTM")
	r.send("", object(), "message_sent")
	r.send("?wait_for_ack=true", object(), "message_offline")
	r.notifier.Saw(device)
	r.wantPayloads(device)
}

func TestUsersOfOtherServersAreReachedByFederation(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			r := newRig(t)
			body := object("destination", "@bob:example.org", "enable_offline_messaging", keep)
			r.send("?wait_for_ack=true", body, "message_sent")
			transaction, err := r.store.NextTransaction(t.Context(), "example.org", "", 100, 1<<20)
			if err != nil || transaction == nil || len(transaction.EDUs) != 1 {
				t.Fatalf("what waits is %+v, %v; want one EDU", transaction, err)
			}
			var edu struct {
				Content struct {
					Sender   string
					Type     string
					Messages map[string]map[string]struct{ From, Payload string }
				}
			}
			if err := json.Unmarshal(transaction.EDUs[0], &edu); err != nil {
				t.Fatal(err)
			}
			got := edu.Content.Messages["@bob:example.org"][todevice.AllDevices]
			if edu.Content.Sender != "@rtm_demo_alice:"+serverName || edu.Content.Type != rtmcompat.PeerMessageType ||
				got.From != "alice" || got.Payload != "hello" {
				t.Errorf("the EDU is %s", transaction.EDUs[0])
			}
		})
	}
}
