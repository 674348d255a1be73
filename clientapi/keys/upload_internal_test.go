package keys

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

// FuzzReadUpload: whatever is accepted as a key can be stored and shown, and is
// still the key that was signed.
func FuzzReadUpload(f *testing.F) {
	f.Add([]byte(`{"device_keys":{"user_id":"@a:b","device_id":"D","algorithms":["x"],"keys":{"ed25519:D":"k"},"signatures":{"@a:b":{"ed25519:D":"s"}},"unsigned":{"x":1}}}`))
	f.Add([]byte(`{"one_time_keys":{"signed_curve25519:A":{"key":"k","signatures":{"@a:b":7}},"curve25519:B":"k"},"fallback_keys":{"a:F":{"n":1e400}}}`))
	f.Add([]byte(`{"one_time_keys":null,"device_keys":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		q, err := readUpload(r)
		if err != nil {
			return
		}
		for _, key := range append(q.oneTimeKeys, q.fallbackKeys...) {
			if _, err := todevice.SignedPart(key.Key); err != nil || key.Algorithm == "" || key.ID == "" {
				t.Errorf("%q %q: %v", key.Name(), key.Key, err)
			}
		}
		if q.deviceKeys != nil {
			showDeviceKeys(t, q.deviceKeys)
		}
	})
}

func showDeviceKeys(t *testing.T, keys json.RawMessage) {
	t.Helper()
	before, err := todevice.SignedPart(keys)
	if err != nil {
		t.Fatalf("%q: %v", keys, err)
	}
	if keys, err = todevice.StoredKey(keys); err != nil {
		t.Fatal(err)
	}
	added := todevice.Signatures{"@c:d": {"ed25519:X": json.RawMessage(`"sig"`)}}
	if keys, err = todevice.WithSignatures(keys, added, func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if keys, err = (todevice.DeviceKeys{Keys: keys, DisplayName: "<\u2028>"}).Object(); err != nil {
		t.Fatal(err)
	}
	if after, err := todevice.SignedPart(keys); err != nil || !bytes.Equal(before, after) {
		t.Errorf("%q became %q (%v)", before, after, err)
	}
	if todevice.SignaturesOf(keys)["@c:d"] == nil {
		t.Errorf("%q has lost the signature that was added", keys)
	}
}
