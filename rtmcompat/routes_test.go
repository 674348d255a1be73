package rtmcompat_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

func TestUnknownPathsAndMethodsAreAnsweredInRTMsOwnForm(t *testing.T) {
	base := "/dev/v2/project/" + appID
	history := base + "/rtm/message/history"
	cases := []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", history, 404, "not_found"},
		{"GET", history + "/count/", 404, "not_found"},
		{"POST", history + "/query/", 405, "method_not_allowed"},
		{"GET", history + "/query/a/b", 404, "not_found"},
		{"GET", history + "/query", 405, "method_not_allowed"},
		{"POST", history + "/query/a", 405, "method_not_allowed"},
		{"POST", history + "/count", 405, "method_not_allowed"},
		{"POST", "/dev/v2/", 404, "not_found"},
		{"POST", base, 404, "not_found"},
		{"POST", base + "/rtm/users/alice", 404, "not_found"},
		{"POST", base + "/rtm/users/alice/peer_message", 404, "not_found"},
		{"POST", base + "/rtm/users/alice/peer_messages/", 404, "not_found"},
		{"POST", base + "/rtm/users/alice/Peer_messages", 404, "not_found"},
		{"POST", base + "/rtm/users/a/lice/peer_messages", 404, "not_found"},
		{"POST", base + "/RTM/users/alice/peer_messages", 404, "not_found"},
		{"GET", base + "/rtm/nothing", 404, "not_found"},
		{"GET", base + "/rtm/users/alice/peer_messages", 405, "method_not_allowed"},
		{"PUT", base + "/rtm/users/alice/peer_messages", 405, "method_not_allowed"},
		{"DELETE", base + "/rtm/users/alice/peer_messages", 405, "method_not_allowed"},
		{"post", base + "/rtm/users/alice/peer_messages", 405, "method_not_allowed"},
	}
	r := newRig(t)
	for _, c := range cases {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			req := request(c.path, object())
			req.Method = c.method
			a := r.do(req)
			a.want(t, c.status, c.code)
			allowed := http.MethodPost
			if strings.HasPrefix(c.path, history) && c.method == http.MethodPost {
				allowed = http.MethodGet
			}
			if c.status == http.StatusMethodNotAllowed && a.header.Get("Allow") != allowed {
				t.Errorf("Allow is %q", a.header.Get("Allow"))
			}
		})
	}
}

func TestEachAnswerHasItsOwnRequestID(t *testing.T) {
	r := newRig(t)
	seen := make(map[string]bool)
	for range 50 {
		for _, path := range []string{peerPath("alice"), peerPath(" alice"), "/dev/v2/none"} {
			id := r.do(request(path, object())).RequestID
			if seen[id] {
				t.Fatalf("the request ID %s came twice", id)
			}
			seen[id] = true
		}
	}
}

// A brokenSender fails.
type brokenSender func() error

func (b brokenSender) Send(context.Context, todevice.Batch) (todevice.Accepted, error) {
	return todevice.Accepted{}, b()
}

func TestAnInternalErrorIsToldToTheLogAlone(t *testing.T) {
	cases := map[string]brokenSender{
		"error": func() error { return errors.New("the disk is on fire") },
		"panic": func() error { panic("the disk is on fire") },
	}
	for name, sender := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: testApps()}, sender)
			a := r.do(request(peerPath("alice"), object("enable_offline_messaging", true, "payload", "whispered")))
			a.want(t, http.StatusInternalServerError, "internal_error")
			if strings.Contains(a.body, "fire") {
				t.Errorf("the answer tells the cause: %s", a.body)
			}
			log := r.log.String()
			if !strings.Contains(log, "the disk is on fire") || !strings.Contains(log, a.RequestID) {
				t.Errorf("the log has not the cause and the request ID: %s", log)
			}
			if strings.Contains(log, "whispered") || strings.Contains(log, "cret") {
				t.Errorf("the log has what it must not: %s", log)
			}
		})
	}
}

func TestATimeoutOfTheServerIs408(t *testing.T) {
	sender := brokenSender(func() error { return fmt.Errorf("commit: %w", context.DeadlineExceeded) })
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: testApps()}, sender)
	r.do(request(peerPath("alice"), object("enable_offline_messaging", true))).want(t, http.StatusRequestTimeout, "timeout")
}

func TestAFullInboxIsRefusedWithATimeToRetry(t *testing.T) {
	r := newRigWith(t, sqlite.Options{MaxInboxRows: 1}, rtmcompat.Config{Apps: testApps()}, nil)
	body := object("enable_offline_messaging", true, "payload", "first")
	r.send("", body, "message_sent")
	a := r.do(request(peerPath("alice"), object("enable_offline_messaging", true, "payload", "second")))
	a.want(t, http.StatusTooManyRequests, "rate_limited")
	if a.header.Get("Retry-After") != "10" {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
	r.wantPayloads(r.device(namespace+"bob", "RTM"), "first")
}
