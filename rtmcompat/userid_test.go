package rtmcompat_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const allowedInUIDs = "abcdefghijklmnopqrstuvwxyz" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "0123456789" + " " +
	"!#$%&()+-:;<=.>?@[]^_{}|~,'"

func TestExactlyTheAllowedCharactersMakeAnUID(t *testing.T) {
	if len(allowedInUIDs) != 90 {
		t.Fatalf("%d characters are allowed, want 90", len(allowedInUIDs))
	}
	r := newRig(t)
	others := []string{"é", "ß", "中", "😀", "\u00a0", "\u200b", "\ufffd", "Ａ", "\u0130"}
	for c := range 128 {
		others = append(others, string(rune(c)))
	}
	for _, c := range others {
		status, code := http.StatusBadRequest, "invalid_parameter"
		if len(c) == 1 && strings.Contains(allowedInUIDs, c) {
			status, code = http.StatusOK, "message_sent"
		}
		t.Run(fmt.Sprintf("user_id a%qb", c), func(t *testing.T) {
			r.do(request(peerPath("a"+c+"b"), object())).want(t, status, code)
		})
		t.Run(fmt.Sprintf("destination %q", c), func(t *testing.T) {
			r.do(request(peerPath("alice"), object("destination", c))).want(t, status, code)
		})
	}
}

func TestUIDsInThePathAreDecodedOnce(t *testing.T) {
	long := strings.Repeat("x", 64)
	cases := []struct {
		segment, uid string // "" where it is refused
	}{
		{"alice", "alice"},
		{"a+b", "a+b"},
		{"a%2Bb", "a+b"},
		{"a%20b", "a b"},
		{"a%2520b", "a%20b"},
		{"%25", "%"},
		{"a%3Fb%23c", "a?b#c"},
		{"[a]|{b}^", "[a]|{b}^"},
		{".", "."},
		{"..", ".."},
		{"%2E", "."},
		{"%2E%2E", ".."},
		{"%2e%2e", ".."},
		{"...", "..."},
		{"null", "null"},
		{"%61lice", "alice"},
		{"Alice", "Alice"},
		{long, long},
		{strings.Repeat("%7E", 64), strings.Repeat("~", 64)},
		{"%40bob%3Aexample.org", "@bob:example.org"}, // an uid, never that user
		{"", ""},
		{long + "x", ""},
		{"%20alice", ""},
		{"alice%20", ""},
		{"%20", ""},
		{"a%2Fb", ""},
		{"a%5Cb", ""},
		{"%C3%A9", ""},
		{"%FF", ""},
		{"%00", ""},
	}
	for _, c := range cases {
		t.Run(c.segment, func(t *testing.T) {
			r := newRig(t)
			to := r.device("bob", "LAPTOP")
			path := strings.Replace(peerPath("alice"), "alice", c.segment, 1)
			body := object("destination", to.User.String(), "enable_offline_messaging", true)
			if c.uid == "" {
				r.do(request(path, body)).want(t, http.StatusBadRequest, "invalid_parameter")
				return
			}
			r.do(request(path, body)).want(t, http.StatusOK, "message_sent")
			if events := r.pending(to); len(events) != 1 || events[0].Content.From != c.uid {
				t.Errorf("what arrived is %+v, want one message from %q", events, c.uid)
			}
		})
	}
}

// TestDotSegmentsSurviveARealServer: what stands between a socket and the router
// does not clean the path.
func TestDotSegmentsSurviveARealServer(t *testing.T) {
	r := newRig(t)
	for _, segment := range []string{".", "..", "%2E%2E", "a%2Fb%2F.."} {
		status := http.StatusOK
		if strings.Contains(segment, "a") {
			status = http.StatusBadRequest
		}
		got := overSocket(t, r.handler, strings.Replace(peerPath("alice"), "alice", segment, 1), object())
		if got != status {
			t.Errorf("sending as %s was answered with %d, want %d", segment, got, status)
		}
	}
}
