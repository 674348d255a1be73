package keys_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

func TestClaimGivesEachKeyOnce(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A"), d.register("bob", "B")
	d.upload(alice, `{"one_time_keys":`+oneTimeKeys("Z")+`}`)
	d.upload(alice, `{"one_time_keys":`+oneTimeKeys("A")+`}`)
	const of = `{"@alice:chappe.test":{"A":"signed_curve25519"}}`
	key := func(id string) string { return `{"@alice:chappe.test":{"A":` + oneTimeKeys(id) + `}}` }
	for _, want := range []string{key("Z"), key("A"), `{}`} {
		got := d.claim(bob, of)
		wantJSON(t, got, "one_time_keys", want)
		wantJSON(t, got, "failures", `{}`)
	}
	d.upload(alice, `{"fallback_keys":`+oneTimeKeys("F")+`}`)
	for range 2 {
		wantJSON(t, d.claim(bob, of), "one_time_keys", key("F"))
	}
}

func TestClaimLeavesOutWhatIsNotThere(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	d.upload(alice, `{"one_time_keys":`+oneTimeKeys("A")+`}`)
	got := d.claim(alice, `{"@alice:chappe.test":{"A":"unknown","gone":"signed_curve25519"},"@nobody:chappe.test":{"A":"signed_curve25519"},"no user":{"A":"x"}}`)
	wantJSON(t, got, "one_time_keys", `{}`)
	if len(d.remote.asked) > 0 {
		t.Errorf("%q were asked", d.remote.asked)
	}
}

func TestClaimOfWrongShapeIsRefusedAndTakesNothing(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	d.upload(alice, `{"one_time_keys":`+oneTimeKeys("A")+`}`)
	for _, body := range []string{`[]`, `{}`, `{"one_time_keys":[]}`, `{"one_time_keys":{"@alice:chappe.test":["A"]}}`,
		`{"one_time_keys":{"@alice:chappe.test":{"A":"signed_curve25519","B":1}}}`,
		`{"one_time_keys":{"@alice:chappe.test":{"A":"signed_curve25519","B":null}}}`,
		`{"one_time_keys":{"@alice:chappe.test":{"A":"signed_curve25519"}},"timeout":true}`} {
		got := d.post(alice, "claim", body)
		if got.status != 400 || got.errcode() != "M_BAD_JSON" {
			t.Errorf("%s: got %d %s", body, got.status, got.raw)
		}
	}
	wantJSON(t, d.upload(alice, `{}`), "one_time_key_counts", `{"signed_curve25519":1}`)
}

func TestClaimAsksOtherServersOnce(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	d.upload(alice, `{"one_time_keys":`+oneTimeKeys("A")+`}`)
	d.remote.claim = func(_ context.Context, server spec.ServerName, claims map[todevice.UserID]map[string]string) (todevice.RemoteClaim, error) {
		rita := todevice.UserID{Localpart: "rita", Server: server}
		if server == "down.test" {
			return nil, errUnreachable
		}
		if len(claims) != 1 || claims[rita]["R"] != "signed_curve25519" {
			t.Errorf("%s is asked for %v", server, claims)
		}
		return todevice.RemoteClaim{rita: {"R": {"signed_curve25519:X": json.RawMessage(`{"key":"x"}`)}}}, nil
	}
	got := d.claim(alice, `{"@alice:chappe.test":{"A":"signed_curve25519"},"@rita:far.test":{"R":"signed_curve25519"},"@x:down.test":{"X":"signed_curve25519"}}`)
	wantJSON(t, got, "one_time_keys", `{"@alice:chappe.test":{"A":`+oneTimeKeys("A")+`},"@rita:far.test":{"R":{"signed_curve25519:X":{"key":"x"}}}}`)
	wantJSON(t, got, "failures", `{"down.test":{"error":"The server could not be reached"}}`)
	if slices.Sort(d.remote.asked); !slices.Equal(d.remote.asked, []spec.ServerName{"down.test", "far.test"}) {
		t.Errorf("asked: %q, each must be asked once", d.remote.asked)
	}
}

func TestDeviceThatRunsOutOfKeysIsWoken(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A"), d.register("bob", "B")
	d.upload(alice, `{"one_time_keys":`+oneTimeKeys("A", "B", "C")+`}`)
	for n, woken := range []int{0, 1, 1} { // of three, two are left, then one, then none
		d.claim(bob, `{"@alice:chappe.test":{"A":"signed_curve25519"}}`)
		if len(d.woken.inboxes) != woken {
			t.Errorf("after claim %d the device was woken %d times, want %d", n+1, len(d.woken.inboxes), woken)
		}
	}
}
