package federationapi_test

import (
	"testing"

	"github.com/gorilla/mux"
)

// Whoever asks for rooms is told that there are none; who does not sign is told
// nothing.
func TestRoomsAreRefused(t *testing.T) {
	h := neighbour(t)
	for _, c := range []struct {
		method, path string
		status       int
		errcode      string
	}{
		{"PUT", "/v1/invite/!r:there.test/$e", 403, "M_FORBIDDEN"},
		{"PUT", "/v2/invite/!r:there.test/$e", 403, "M_FORBIDDEN"},
		{"GET", "/v1/make_join/!r:here.test/@a:there.test", 404, "M_NOT_FOUND"},
		{"PUT", "/v2/send_join/!r:here.test/$e", 404, "M_NOT_FOUND"},
		{"GET", "/v1/make_leave/!r:here.test/@a:there.test", 404, "M_NOT_FOUND"},
		{"PUT", "/v2/send_leave/!r:here.test/$e", 404, "M_NOT_FOUND"},
		{"GET", "/v1/make_knock/!r:here.test/@a:there.test", 404, "M_NOT_FOUND"},
		{"PUT", "/v1/send_knock/!r:here.test/$e", 404, "M_NOT_FOUND"},
		{"GET", "/v1/state/!r:here.test?event_id=$e", 404, "M_NOT_FOUND"},
		{"GET", "/v1/state_ids/!r:here.test?event_id=$e", 404, "M_NOT_FOUND"},
		{"GET", "/v1/backfill/!r:here.test?limit=1&v=$e", 404, "M_NOT_FOUND"},
		{"GET", "/v1/event/$e", 404, "M_NOT_FOUND"},
		{"GET", "/v1/event_auth/!r:here.test/$e", 404, "M_NOT_FOUND"},
		{"POST", "/v1/get_missing_events/!r:here.test", 404, "M_NOT_FOUND"},
		{"GET", "/v1/hierarchy/!r:here.test", 404, "M_NOT_FOUND"},
		{"GET", "/v1/timestamp_to_event/!r:here.test?ts=1&dir=b", 404, "M_NOT_FOUND"},
		{"PUT", "/v1/exchange_third_party_invite/!r:here.test", 404, "M_NOT_FOUND"},
		{"GET", "/v1/query/directory?room_alias=%23r%3Ahere.test", 404, "M_NOT_FOUND"},
		{"GET", "/v1/publicRooms?limit=10", 200, ""},
		{"POST", "/v1/publicRooms", 200, ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			body := ""
			if c.method != "GET" {
				body = `{}`
			}
			w := h.ask(c.method, "/_matrix/federation"+c.path, body)
			expect(t, w, c.status, c.errcode)
			if c.status == 200 && w.Body.String() != `{"chunk":[],"total_room_count_estimate":0}` {
				t.Errorf("got %s", w.Body)
			}
		})
	}
}

// Only what is meant for everyone is answered without a signature.
func TestEveryOtherRouteWantsASignature(t *testing.T) {
	h := newHouse(t, options{})
	open := map[string]bool{
		"/_matrix/federation/v1/version": true, "/_matrix/federation/v1/openid/userinfo": true,
		"/_matrix/key/v2/query": true, "/_matrix/key/v2/query/{serverName}": true, "/_matrix/key/v2/query/{serverName}/{keyId}": true,
		"/_matrix/key/v2/server": true, "/_matrix/key/v2/server/": true, "/_matrix/key/v2/server/{keyId}": true,
	}
	asked := 0
	err := h.router.(*mux.Router).Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil || open[path] {
			return err
		}
		methods, err := route.GetMethods()
		for _, method := range methods {
			asked++
			expect(t, h.request(method, path, `{}`), 401, "M_UNAUTHORIZED")
		}
		return err
	})
	if err != nil || asked < 25 {
		t.Errorf("%d routes were asked (%v)", asked, err)
	}
}
