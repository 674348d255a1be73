package limits_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/clientapi/limits"
	"github.com/chappe-im/chappe/todevice"
)

func TestClaimsAreLimitedByTheNumberOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits.New(limits.Config{SendsPerSecond: 1, SendBurst: 1}, prometheus.NewRegistry())
		alice, bob := todevice.UserID{Localpart: "alice"}, todevice.UserID{Localpart: "bob"}
		if err := l.Claim(alice, 1_000_000); err != nil { // one that no wait would make possible
			t.Error(err)
		}
		if l.Claim(alice, 0) == nil {
			t.Error("alice may go on claiming")
		}
		if err := l.Claim(bob, 5000); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		for range 50 {
			if err := l.Claim(alice, 1); err != nil {
				t.Fatal(err)
			}
		}
		if l.Claim(alice, 1) == nil {
			t.Error("alice may claim more than 50 in a second")
		}
	})
}

func TestManyGuessesAtOnceAreNotLetThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits.New(limits.Config{SendsPerSecond: 1, SendBurst: 1}, prometheus.NewRegistry())
		begun := 0
		for range 100 { // none has had its answer yet
			if _, err := l.Guess(limits.Login, limits.Guess{Localpart: "alice"}); err == nil {
				begun++
			}
		}
		if begun != 10 {
			t.Errorf("%d guesses were let through", begun)
		}
	})
}

func TestNoLimitsLimitNothing(t *testing.T) {
	var none *limits.Limits
	right, err := none.Guess(limits.Login, limits.Guess{})
	if err != nil || none.Send(todevice.UserID{}) != nil || none.Claim(todevice.UserID{}, 1) != nil {
		t.Error("nothing was to be limited")
	}
	right()
	if none.ByAddress(limits.Login, nil, http.NotFoundHandler()) == nil {
		t.Error("no handler")
	}
}
