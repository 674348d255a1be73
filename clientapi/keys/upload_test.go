package keys_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// deviceKeys writes the device keys of a client; key tells them from others.
func deviceKeys(c client, key string) string {
	return fmt.Sprintf(`{"user_id":%q,"device_id":%q,"algorithms":["m.olm.v1.curve25519-aes-sha2"],`+
		`"keys":{"curve25519:%s":%q},"signatures":{%q:{"ed25519:%s":"sig"}}}`, c.user, c.device, c.device, key, c.user, c.device)
}

// oneTimeKeys writes one-time keys of these IDs.
func oneTimeKeys(ids ...string) string {
	keys := map[string]any{}
	for _, id := range ids {
		keys["signed_curve25519:"+id] = map[string]any{"key": "key " + id, "signatures": map[string]any{}}
	}
	return object(keys)
}

func (d *door) upload(c client, body string) answer {
	d.t.Helper()
	return d.post(c, "upload", body)
}

// query asks for the keys of users, written as JSON.
func (d *door) query(c client, users string) answer {
	d.t.Helper()
	return d.want(d.post(c, "query", `{"device_keys":`+users+`}`), http.StatusOK, "")
}

func (d *door) claim(c client, users string) answer {
	d.t.Helper()
	return d.want(d.post(c, "claim", `{"one_time_keys":`+users+`}`), http.StatusOK, "")
}

func TestUploadCountsWhatIsThere(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	for _, step := range []struct{ name, body, want string }{
		{"nothing", `{}`, `{"signed_curve25519":0}`},
		{"null", `{"device_keys":null,"one_time_keys":null,"fallback_keys":null}`, `{"signed_curve25519":0}`},
		{"device keys", `{"device_keys":` + deviceKeys(alice, "k") + `}`, `{"signed_curve25519":0}`},
		{"three", `{"one_time_keys":` + oneTimeKeys("A", "B", "C") + `}`, `{"signed_curve25519":3}`},
		{"an overlap", `{"one_time_keys":` + oneTimeKeys("B", "C", "D") + `}`, `{"signed_curve25519":4}`},
		{"a string", `{"one_time_keys":{"curve25519:A":"k"}}`, `{"curve25519":1,"signed_curve25519":4}`},
		{"a fallback key", `{"fallback_keys":` + oneTimeKeys("F") + `}`, `{"curve25519":1,"signed_curve25519":4}`},
		{"an older fallback key", `{"org.matrix.msc2732.fallback_keys":` + oneTimeKeys("F") + `}`, `{"curve25519":1,"signed_curve25519":4}`},
		{"what nobody knows", `{"im.example.keys":[1]}`, `{"curve25519":1,"signed_curve25519":4}`},
		{"nothing again", `{}`, `{"curve25519":1,"signed_curve25519":4}`},
	} {
		t.Run(step.name, func(t *testing.T) {
			wantJSON(t, d.want(d.upload(alice, step.body), http.StatusOK, ""), "one_time_key_counts", step.want)
		})
	}
}

func TestBadUploadIsRefusedAndStoresNothing(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A"), d.register("bob", "B")
	good := deviceKeys(alice, "k")
	without := func(name string) string { return strings.Replace(good, `"`+name+`"`, `"x"`, 1) }
	for _, c := range []struct {
		name, body string
		status     int
		errcode    string
	}{
		{"no object", `[]`, 400, "M_BAD_JSON"},
		{"keys of another user", `{"device_keys":` + deviceKeys(client{user: bob.user, device: "A"}, "k") + `}`, 400, "M_INVALID_PARAM"},
		{"keys of another device", `{"device_keys":` + deviceKeys(client{user: alice.user, device: "B"}, "k") + `}`, 400, "M_INVALID_PARAM"},
		{"no user", `{"device_keys":` + without("user_id") + `}`, 400, "M_BAD_JSON"},
		{"no algorithms", `{"device_keys":` + without("algorithms") + `}`, 400, "M_BAD_JSON"},
		{"no keys", `{"device_keys":` + without("keys") + `}`, 400, "M_BAD_JSON"},
		{"no signatures", `{"device_keys":` + without("signatures") + `}`, 400, "M_BAD_JSON"},
		{"a signature that is no string", `{"device_keys":` + strings.Replace(good, `"sig"`, `7`, 1) + `}`, 400, "M_BAD_JSON"},
		{"keys that are no object", `{"device_keys":"k"}`, 400, "M_BAD_JSON"},
		{"one-time keys that are no object", `{"one_time_keys":[]}`, 400, "M_BAD_JSON"},
		{"a name without an ID", `{"one_time_keys":{"signed_curve25519":{}}}`, 400, "M_BAD_JSON"},
		{"a key that is a number", `{"one_time_keys":{"signed_curve25519:A":1}}`, 400, "M_BAD_JSON"},
		{"two fallback keys", `{"fallback_keys":` + oneTimeKeys("F", "G") + `}`, 400, "M_BAD_JSON"},
		{"a large key", `{"device_keys":` + strings.Replace(good, `{`, `{"x":"`+strings.Repeat("k", 64<<10)+`",`, 1) + `}`, 413, "M_TOO_LARGE"},
		{"a key with half a character", `{"device_keys":` + strings.Replace(good, `{`, `{"x":"\ud800",`, 1) + `}`, 400, "M_BAD_JSON"},
		{"a key with a fraction", `{"device_keys":` + strings.Replace(good, `{`, `{"x":0.5,`, 1) + `}`, 400, "M_BAD_JSON"},
		{"a one-time key with half a character", `{"one_time_keys":{"a:A":"\udc00"}}`, 400, "M_BAD_JSON"},
		{"a large one-time key", `{"one_time_keys":{"a:A":"` + strings.Repeat("k", 8<<10) + `"}}`, 413, "M_TOO_LARGE"},
		{"a long name", `{"fallback_keys":{"a:` + strings.Repeat("A", 254) + `":"k"}}`, 413, "M_TOO_LARGE"},
		{"one-time keys over any number", `{"one_time_keys":` + manyKeys("a", 1001) + `}`, 413, "M_TOO_LARGE"},
		{"fallback keys of any number of algorithms", `{"device_keys":` + good + `,"fallback_keys":` + fallbackKeys(11) + `}`, 413, "M_TOO_LARGE"},
		{"a deep key", `{"one_time_keys":{"a:A":{"k":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}}`, 400, "M_BAD_JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.want(d.upload(alice, c.body), c.status, c.errcode)
			wantJSON(t, d.upload(alice, `{}`), "one_time_key_counts", `{"signed_curve25519":0}`)
		})
	}
	wantJSON(t, d.query(alice, `{"@alice:chappe.test":[]}`), "device_keys", `{"@alice:chappe.test":{}}`)
}

// manyKeys writes n one-time keys of an algorithm.
func manyKeys(algorithm string, n int) string {
	keys := make(map[string]any, n)
	for i := range n {
		keys[fmt.Sprint(algorithm, ":", i)] = "k"
	}
	return object(keys)
}

// fallbackKeys writes fallback keys of so many algorithms.
func fallbackKeys(algorithms int) string {
	keys := make(map[string]any, algorithms)
	for i := range algorithms {
		keys[fmt.Sprint("a", i, ":F")] = "k"
	}
	return object(keys)
}

func TestDeviceOffersAsManyKeysAsItMay(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	d.want(d.upload(alice, `{"one_time_keys":`+manyKeys("a", 600)+`,"fallback_keys":`+fallbackKeys(9)+`}`), http.StatusOK, "")
	for range 2 { // a repetition takes no more room
		d.want(d.upload(alice, `{"one_time_keys":`+manyKeys("b", 400)+`,"fallback_keys":`+fallbackKeys(10)+`}`), http.StatusOK, "")
	}
	d.want(d.upload(alice, `{"one_time_keys":`+oneTimeKeys("one")+`,"fallback_keys":{"a0:G":"k"}}`), http.StatusRequestEntityTooLarge, "M_TOO_LARGE")
	d.want(d.upload(alice, `{"fallback_keys":{"c:F":"k"}}`), http.StatusRequestEntityTooLarge, "M_TOO_LARGE")
	d.want(d.upload(alice, `{"fallback_keys":{"a0:G":"k"}}`), http.StatusOK, "") // takes the place of another
	d.claim(alice, `{"@alice:chappe.test":{"A":"b"}}`)
	got := d.want(d.upload(alice, `{"one_time_keys":`+oneTimeKeys("one")+`}`), http.StatusOK, "")
	wantJSON(t, got, "one_time_key_counts", `{"a":600,"b":399,"signed_curve25519":1}`)
}

func TestConflictIsToldInTheWordsOneSDKReads(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	d.want(d.upload(alice, `{"one_time_keys":{"signed_curve25519:AAAAHg":{"key":"old"}}}`), http.StatusOK, "")
	got := d.want(d.upload(alice, `{"device_keys":`+deviceKeys(alice, "k")+`,"one_time_keys":{"signed_curve25519:AAAAHg":{"key":"new"},"signed_curve25519:B":{"key":"b"}}}`),
		http.StatusBadRequest, "M_UNKNOWN")
	want := `One time key signed_curve25519:AAAAHg already exists. Old key: {"key":"old"}; new key: {"key":"new"}`
	if got.text("error") != want {
		t.Errorf("got %q, want %q", got.text("error"), want)
	}
	wantJSON(t, d.upload(alice, `{}`), "one_time_key_counts", `{"signed_curve25519":1}`)
	wantJSON(t, d.query(alice, `{"@alice:chappe.test":[]}`), "device_keys", `{"@alice:chappe.test":{}}`)
}
