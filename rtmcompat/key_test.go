package rtmcompat_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
)

// keyed is a good POST from alice with a key in the header.
func keyed(key, query, body string) *http.Request {
	r := request(peerPath("alice")+query, body)
	r.Header.Set("Idempotency-Key", key)
	return r
}

func TestARepeatedKeyHasTheSameAnswerAndSendsNothing(t *testing.T) {
	kept := object("enable_offline_messaging", true)
	cases := []struct {
		name          string
		first, second *http.Request
		sent          int
		status        int
		code          string
	}{
		{"same", keyed("k", "", kept), keyed("k", "", kept), 1, 200, "message_sent"},
		{"in the query", request(peerPath("alice")+"?request_id=k", kept), keyed("k", "", kept), 1, 200, "message_sent"},
		{"in both", keyed("k", "?request_id=k", kept), keyed("k", "", kept), 1, 200, "message_sent"},
		{"longest", keyed(strings.Repeat("~", 255), "", kept), keyed(strings.Repeat("~", 255), "", kept), 1, 200, "message_sent"},
		{"other spaces and stray keys", keyed("k", "", kept), keyed("k", "", " "+object("enable_offline_messaging", true, "x", 1)), 1, 200, "message_sent"},
		{"now waits", keyed("k", "", kept), keyed("k", waitForAck, kept), 1, 200, "message_offline"},
		{"nobody there", keyed("k", waitForAck, object()), keyed("k", waitForAck, object()), 0, 200, "message_offline"},
		{"no key", request(peerPath("alice"), kept), request(peerPath("alice"), kept), 2, 200, "message_sent"},
		{"other key", keyed("k", "", kept), keyed("K", "", kept), 2, 200, "message_sent"},
		{"other payload", keyed("k", "", kept), keyed("k", "", object("enable_offline_messaging", true, "payload", "x")), 1, 409, "conflict"},
		{"other receiver", keyed("k", "", kept), keyed("k", "", object("enable_offline_messaging", true, "destination", "eve")), 1, 409, "conflict"},
		{"also for the history", keyed("k", "", kept), keyed("k", "", object("enable_offline_messaging", true, "enable_historical_messaging", true)), 1, 409, "conflict"},
		{"not to be kept", keyed("k", "", kept), keyed("k", "", object()), 1, 409, "conflict"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			first, second := r.do(c.first), r.do(c.second)
			second.want(t, c.status, c.code)
			repeated := c.sent < 2 && c.status == http.StatusOK
			if same := first.RequestID == second.RequestID; same != repeated {
				t.Errorf("request_id is %s, then %s", first.RequestID, second.RequestID)
			}
			if got := r.pending(r.device(namespace+"bob", "RTM")); len(got) != c.sent {
				t.Errorf("%d messages wait, want %d", len(got), c.sent)
			}
			if eve, err := r.store.UserDevices(t.Context(), namespace+"eve"); err != nil || len(eve) != 0 {
				t.Errorf("the refused request made a user: %v, %v", eve, err)
			}
		})
	}
}

func TestAnotherUserOrAppHasKeysOfItsOwn(t *testing.T) {
	r := newRig(t)
	body := object("destination", "@bob:"+serverName, "enable_offline_messaging", true)
	bob := r.device("bob", "B")
	other := request("/dev/v2/project/"+otherAppID+"/rtm/users/alice/peer_messages", body)
	other.SetBasicAuth("other", "other secret")
	for _, req := range []*http.Request{request(peerPath("alice"), body), request(peerPath("Alice"), body), other} {
		req.Header.Set("Idempotency-Key", "k")
		r.do(req).want(t, http.StatusOK, "message_sent")
	}
	r.wantPayloads(bob, "hello", "hello", "hello")
}

func TestABadKeyIsRefused(t *testing.T) {
	r := newRig(t)
	twice := keyed("a", "", object())
	twice.Header.Add("Idempotency-Key", "b")
	for name, req := range map[string]*http.Request{
		"empty":          keyed("", "", object()),
		"empty in query": request(peerPath("alice")+"?request_id=", object()),
		"too long":       keyed(strings.Repeat("k", 256), "", object()),
		"space":          keyed("a b", "", object()),
		"not ASCII":      keyed("é", "", object()),
		"control":        request(peerPath("alice")+"?request_id=a%7F", object()),
		"two headers":    twice,
		"two in query":   request(peerPath("alice")+"?request_id=a&request_id=b", object()),
		"header, query":  keyed("a", "?request_id=b", object()),
	} {
		t.Run(name, func(t *testing.T) { r.do(req).want(t, http.StatusBadRequest, "invalid_parameter") })
	}
}

func TestARefusedRequestMayBeTriedAgainUnderItsKey(t *testing.T) {
	r := newRigWith(t, sqlite.Options{MaxInboxRows: 1}, rtmcompat.Config{Apps: testApps()}, nil)
	bob := r.device(namespace+"bob", "RTM")
	r.send("", object("enable_offline_messaging", true), "message_sent")
	body := object("enable_offline_messaging", true, "payload", "second")
	r.do(keyed("k", "", body)).want(t, http.StatusTooManyRequests, "rate_limited")
	if _, err := r.store.Confirm(t.Context(), bob.Inbox, r.pending(bob)[0].position); err != nil {
		t.Fatal(err)
	}
	r.do(keyed("k", "", body)).want(t, http.StatusOK, "message_sent")
	r.wantPayloads(bob, "second")
}

func TestOfConcurrentRequestsOfOneKeyOneSends(t *testing.T) {
	r := newRig(t)
	ids := make([]string, 20)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			ids[i] = r.do(keyed("k", "", object("enable_offline_messaging", true))).RequestID
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("the answers are %q", ids)
			break
		}
	}
	r.wantPayloads(r.device(namespace+"bob", "RTM"), "hello")
}

func TestARepeatedRequestWaitsForTheMessageThatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		device := r.device(namespace+"bob", "RTM")
		r.notifier.Saw(device)
		begin := time.Now()
		first := r.do(keyed("k", waitForAck, object()))
		first.want(t, http.StatusOK, "message_sent")
		go func() {
			time.Sleep(time.Second)
			position := r.pending(device)[0].position
			if _, err := r.store.Confirm(t.Context(), device.Inbox, position); err != nil {
				t.Error(err)
			}
			r.notifier.Confirmed(device.Inbox, position)
		}()
		for range 2 { // the second time it is confirmed already
			again := r.do(keyed("k", waitForAck, object()))
			again.want(t, http.StatusOK, "message_delivered")
			if again.RequestID != first.RequestID || time.Since(begin) != 11*time.Second {
				t.Errorf("the answer is %s after %v", again.body, time.Since(begin))
			}
		}
		r.wantPayloads(device)
	})
}
