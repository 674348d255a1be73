package federationapi_test

import (
	"testing"
	"time"
)

func TestOpenIDTokenTellsItsUserToAnyone(t *testing.T) {
	h := newHouse(t, options{})
	h.device("alice", "A")
	const uri = v1 + "/openid/userinfo"
	for token, lifetime := range map[string]time.Duration{"good": time.Hour, "old": -time.Second} {
		if err := h.store.MakeOpenIDToken(t.Context(), "alice", token, time.Now().Add(lifetime)); err != nil {
			t.Fatal(err)
		}
	}
	wantBody(t, h.request("GET", uri+"?access_token=good", ""), `{"sub":"@alice:here.test"}`)
	expect(t, h.request("GET", uri+"?access_token=old", ""), 401, "M_UNKNOWN_TOKEN")
	expect(t, h.request("GET", uri+"?access_token=bad", ""), 401, "M_UNKNOWN_TOKEN")
	expect(t, h.request("GET", uri, ""), 401, "M_MISSING_TOKEN")
}
