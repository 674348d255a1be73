package rtmcompat_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
)

// limitedRig has apps that may send twice a second.
func limitedRig(t *testing.T) *rig {
	apps := testApps()
	for i := range apps {
		apps[i].Rates = rtmcompat.Rates{PeerMessages: 2}
	}
	return newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: apps, Limits: rtmcompat.NewLimits(prometheus.NewRegistry())}, nil)
}

func TestAnAppOverItsRateIsToldWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limitedRig(t)
		bob := r.device(namespace+"bob", "RTM")
		send := func(payload string) answer {
			t.Helper()
			return r.do(request(peerPath("alice"), object("payload", payload, "enable_offline_messaging", true)))
		}
		send("1").want(t, http.StatusOK, "message_sent")
		send("2").want(t, http.StatusOK, "message_sent")
		a := send("3")
		a.want(t, http.StatusTooManyRequests, "rate_limited")
		if a.header.Get("Retry-After") != "1" || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("the headers are %v", a.header)
		}
		req := request("/dev/v2/project/"+otherAppID+"/rtm/users/alice/peer_messages", object())
		req.SetBasicAuth("other", "other secret")
		r.do(req).want(t, http.StatusOK, "message_sent")
		time.Sleep(time.Second)
		send("4").want(t, http.StatusOK, "message_sent")
		r.wantPayloads(bob, "1", "2", "4")
	})
}

func TestAStrangerCannotUseUpWhatAnAppMayDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limitedRig(t)
		for range 10 {
			req := request(peerPath("alice"), object())
			req.SetBasicAuth("key", "guess")
			r.do(req).want(t, http.StatusUnauthorized, "unauthorized")
		}
		for range 2 {
			r.do(request(peerPath("alice"), object())).want(t, http.StatusOK, "message_sent")
		}
	})
}

// What is over the rate costs no more than a look at the credentials.
func TestTheRateCountsBeforeTheRestOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limitedRig(t)
		for _, status := range []int{400, 400, 429} {
			if a := r.do(request(peerPath("alice"), "no JSON")); a.status != status {
				t.Errorf("answer is %d, want %d", a.status, status)
			}
		}
	})
}
