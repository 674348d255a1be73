package rtmcompat_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
)

func TestAMessageIsKeptForTheHistoryWhoeverReceivesIt(t *testing.T) {
	for name, fields := range map[string][]any{
		"nobody there":           {},
		"nobody there, and kept": {"enable_offline_messaging", true},
		"a Matrix user":          {"destination", "@alice:" + serverName},
		"another server's user":  {"destination", "@carol:elsewhere.test"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.send("", object(append(fields, "enable_historical_messaging", true)...), "message_sent")
			r.send("", object(fields...), "message_sent")
			if got := r.history("", query(filter("source", "alice"))); len(got) != 1 {
				t.Errorf("the history has %q", got)
			}
		})
	}
}

func TestARepeatedRequestIsInTheHistoryOnce(t *testing.T) {
	for _, offline := range []bool{false, true} {
		r := newRig(t)
		body := object("enable_offline_messaging", offline, "enable_historical_messaging", true)
		for range 2 {
			r.do(keyed("k", "", body)).want(t, http.StatusOK, "message_sent")
		}
		r.do(keyed("k", "", object("enable_offline_messaging", offline))).want(t, http.StatusConflict, "conflict")
		if got, want := r.history("", query(filter("source", "alice"))), []string{"alice>bob:hello"}; !slices.Equal(got, want) {
			t.Errorf("the history has %q, want %q", got, want)
		}
	}
}

func TestARefusedMessageIsNotInTheHistory(t *testing.T) {
	r := newRigWith(t, sqlite.Options{MaxInboxRows: 1}, rtmcompat.Config{Apps: testApps()}, nil)
	body := object("enable_offline_messaging", true, "enable_historical_messaging", true)
	r.send("", body, "message_sent")
	r.do(request(peerPath("alice"), body)).want(t, http.StatusTooManyRequests, "rate_limited")
	if got := r.history("", query(filter("source", "alice"))); len(got) != 1 {
		t.Errorf("the history has %q", got)
	}
}
