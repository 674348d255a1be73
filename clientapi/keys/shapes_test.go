package keys_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// wrongShapes lists for each endpoint bodies that are JSON, but not of its shape.
var wrongShapes = map[string][]string{
	"upload":                {`[]`, `null`, `"x"`, `{"device_keys":[]}`, `{"one_time_keys":"x"}`, `{"fallback_keys":1}`},
	"query":                 {`[]`, `null`, `{}`, `{"device_keys":[]}`, `{"device_keys":{"@a:b":{}}}`, `{"device_keys":{},"timeout":{}}`},
	"device_signing/upload": {`[]`, `null`, `{"master_key":[]}`, `{"self_signing_key":"x"}`, `{"user_signing_key":1}`, `{"auth":[]}`, `{"auth":{"type":1}}`},
	"signatures/upload":     {`[]`, `null`, `{"@a:b":[]}`, `{"@a:b":null}`, `{"@a:b":{"D":"x"}}`, `{"@a:b":{"D":null}}`},
	"claim":                 {`[]`, `null`, `{}`, `{"one_time_keys":"x"}`, `{"one_time_keys":{"@a:b":["D"]}}`, `{"one_time_keys":{},"timeout":[]}`},
}

func TestBodiesOfTheWrongShapeAreRefused(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	for endpoint, bodies := range wrongShapes {
		for _, body := range bodies {
			d.want(d.do(http.MethodPost, "/_matrix/client/v3/keys/"+endpoint, alice.token, body), http.StatusBadRequest, "M_BAD_JSON")
		}
	}
}

// many writes an object or list with n members.
func many(begin string, n int, member func(int) string, end string) string {
	members := make([]string, n)
	for i := range members {
		members[i] = member(i)
	}
	return begin + strings.Join(members, ",") + end
}

func TestRequestForTooMuchIsRefusedAndTakesNothing(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	d.upload(alice, `{"one_time_keys":`+oneTimeKeys("A")+`}`)
	user := func(value string) func(int) string {
		return func(i int) string { return fmt.Sprintf(`"@u%d:far.test":%s`, i, value) }
	}
	device := func(i int) string { return fmt.Sprintf(`"D%d":"x"`, i) }
	for _, c := range []struct{ name, endpoint, body string }{
		{"users of a query", "query", many(`{"device_keys":{`, 1001, user(`[]`), `}}`)},
		{"devices of a query", "query", many(`{"device_keys":{"@alice:chappe.test":[`, 10_001, func(int) string { return `"D"` }, `]}}`)},
		{"users of a claim", "claim", many(`{"one_time_keys":{"@alice:chappe.test":{"A":"signed_curve25519"},`, 1000, user(`{}`), `}}`)},
		{"devices of a claim", "claim", many(`{"one_time_keys":{"@alice:chappe.test":{"A":"signed_curve25519",`, 10_000, device, `}}}`)},
		{"users of signatures", "signatures/upload", many(`{`, 1001, user(`{}`), `}`)},
	} {
		t.Log(c.name)
		d.want(d.post(alice, c.endpoint, c.body), http.StatusRequestEntityTooLarge, "M_TOO_LARGE")
	}
	if len(d.remote.asked) > 0 {
		t.Errorf("%d servers were asked", len(d.remote.asked))
	}
	wantJSON(t, d.upload(alice, `{}`), "one_time_key_counts", `{"signed_curve25519":1}`)
	d.want(d.post(alice, "query", many(`{"device_keys":{`, 1000, user(`[]`), `}}`)), http.StatusOK, "")
}
