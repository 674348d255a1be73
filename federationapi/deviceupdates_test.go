package federationapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/todevice"
)

// told reads one EDU of a.test, and gives the reader.
func told(kind, content string) *reader {
	r := &reader{origin: "a.test", local: "here.test"}
	r.read([]json.RawMessage{json.RawMessage(fmt.Sprintf(`{"edu_type":%q,"content":%s}`, kind, content))})
	return r
}

func TestDeviceListUpdateIsReadAsOthersWriteIt(t *testing.T) {
	const keys = `{"user_id":"@u:a.test","device_id":"D","algorithms":[],"keys":{},"signatures":{},"x":1.5}`
	for _, c := range []struct {
		name, content, want string // want: stream, prev, deleted, name, keys
	}{
		{"the first", `{"user_id":"@u:a.test","device_id":"D","stream_id":3}`, `3 [] false "" `},
		{"with all", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"prev_id":[1,2],"device_display_name":"x","keys":` + keys + `}`, `3 [1 2] false "x" ` + keys},
		{"numbers as text", `{"user_id":"@u:a.test","device_id":"D","stream_id":"3","prev_id":["2"]}`, `3 [2] false "" `},
		{"prev_id null", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"prev_id":null}`, `3 [] false "" `},
		{"deleted, with keys", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"deleted":true,"keys":` + keys + `}`, `3 [] true "" `},
		{"a name that is too long", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"device_display_name":"` + strings.Repeat("x", 256) + `"}`, `3 [] false "" `},
		{"members nobody knows", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"org.matrix.opentracing_context":"{}"}`, `3 [] false "" `},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := told("m.device_list_update", c.content)
			if len(r.devices) != 1 || len(r.droppedEDUs) != 0 {
				t.Fatalf("read %v, dropped %v", r.devices, r.droppedEDUs)
			}
			u := r.devices[0]
			got := fmt.Sprintf("%d %v %v %q %s", u.StreamID, u.PrevIDs, u.Deleted, u.DisplayName, u.Keys)
			if got != c.want || u.User.String() != "@u:a.test" || u.DeviceID != "D" {
				t.Errorf("got %s of %s %s, want %s", got, u.User, u.DeviceID, c.want)
			}
		})
	}
}

func TestBadDeviceListUpdateIsDroppedAndCounted(t *testing.T) {
	for _, c := range []struct {
		name, content string
		why           reason
	}{
		{"a user of another server", `{"user_id":"@u:b.test","device_id":"D","stream_id":3}`, foreignSender},
		{"a user of ours", `{"user_id":"@u:here.test","device_id":"D","stream_id":3}`, foreignSender},
		{"no user", `{"device_id":"D","stream_id":3}`, badSender},
		{"no device", `{"user_id":"@u:a.test","stream_id":3}`, badShape},
		{"an empty device", `{"user_id":"@u:a.test","device_id":"","stream_id":3}`, badShape},
		{"a long device", `{"user_id":"@u:a.test","device_id":"` + strings.Repeat("D", 256) + `","stream_id":3}`, badShape},
		{"no stream", `{"user_id":"@u:a.test","device_id":"D"}`, badShape},
		{"a fraction as stream", `{"user_id":"@u:a.test","device_id":"D","stream_id":3.5}`, badShape},
		{"a negative stream", `{"user_id":"@u:a.test","device_id":"D","stream_id":-3}`, badShape},
		{"prev_id no list", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"prev_id":2}`, badShape},
		{"prev_id of objects", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"prev_id":[{}]}`, badShape},
		{"keys of another device", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"keys":{"user_id":"@u:a.test","device_id":"E"}}`, badContent},
		{"keys of another user", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"keys":{"user_id":"@v:a.test","device_id":"D"}}`, badContent},
		{"keys without algorithms", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"keys":{"user_id":"@u:a.test","device_id":"D","keys":{},"signatures":{}}}`, badContent},
		{"keys no object", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"keys":"x"}`, badContent},
		{"keys too long", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"keys":{"user_id":"@u:a.test","device_id":"D","x":"` + strings.Repeat("x", 65536) + `"}}`, badContent},
		{"keys too deep", `{"user_id":"@u:a.test","device_id":"D","stream_id":3,"keys":{"user_id":"@u:a.test","device_id":"D","x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`, badContent},
		{"no object", `[]`, badShape},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := told("m.device_list_update", c.content)
			if len(r.devices) != 0 || len(r.droppedEDUs) != 1 || r.droppedEDUs[0] != c.why {
				t.Errorf("read %v, dropped for %v, want %v", r.devices, r.droppedEDUs, c.why)
			}
		})
	}
}

// crossSigning writes a key of @u:a.test, signed with another.
func crossSigning(t *testing.T, usage, version, signer string) json.RawMessage {
	t.Helper()
	public := spec.Base64Bytes(remotetest.Key(version).Public()).Encode()
	key := json.RawMessage(fmt.Sprintf(`{"user_id":"@u:a.test","usage":[%q],"keys":{"ed25519:%s":%q}}`, usage, public, public))
	if signer == "" {
		return key
	}
	by := remotetest.Key(signer)
	id := gomatrixserverlib.KeyID("ed25519:" + spec.Base64Bytes(by.Public()).Encode())
	signed, err := gomatrixserverlib.SignJSON("@u:a.test", id, by.Private, key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestSigningKeysAreTakenAsTheirMasterKeySignsThem(t *testing.T) {
	master, good := crossSigning(t, "master", "1", ""), crossSigning(t, "self_signing", "2", "1")
	other := strings.ReplaceAll(string(master), "@u:a.test", "@u:b.test")
	for _, c := range []struct {
		name, content string
		why           reason // "" where it is taken
	}{
		{"both", fmt.Sprintf(`{"user_id":"@u:a.test","master_key":%s,"self_signing_key":%s}`, master, good), ""},
		{"the master key alone", fmt.Sprintf(`{"user_id":"@u:a.test","master_key":%s}`, master), ""},
		{"the other alone", fmt.Sprintf(`{"user_id":"@u:a.test","self_signing_key":%s}`, good), badContent},
		{"unsigned", fmt.Sprintf(`{"user_id":"@u:a.test","master_key":%s,"self_signing_key":%s}`, master, crossSigning(t, "self_signing", "2", "")), badContent},
		{"signed by itself", fmt.Sprintf(`{"user_id":"@u:a.test","master_key":%s,"self_signing_key":%s}`, master, crossSigning(t, "self_signing", "2", "2")), badContent},
		{"signed by a key too short to be one", `{"user_id":"@u:a.test","master_key":{"user_id":"@u:a.test","usage":["master"],"keys":{"ed25519:AAAA":"AAAA"}},` +
			`"self_signing_key":{"user_id":"@u:a.test","usage":["self_signing"],"keys":{"ed25519:B":"B"},"signatures":{"@u:a.test":{"ed25519:AAAA":"` +
			strings.Repeat("A", 86) + `"}}}}`, badContent},
		{"of another usage", fmt.Sprintf(`{"user_id":"@u:a.test","master_key":%s}`, good), badContent},
		{"a key of another user", fmt.Sprintf(`{"user_id":"@u:a.test","master_key":%s}`, other), badContent},
		{"of another server's user", fmt.Sprintf(`{"user_id":"@u:b.test","master_key":%s}`, other), foreignSender},
	} {
		for _, kind := range []string{"m.signing_key_update", "org.matrix.signing_key_update"} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				r := told(kind, c.content)
				if c.why == "" && (len(r.signingKeys) != 1 || len(r.droppedEDUs) != 0) ||
					c.why != "" && (len(r.signingKeys) != 0 || len(r.droppedEDUs) != 1 || r.droppedEDUs[0] != c.why) {
					t.Errorf("read %v, dropped for %v, want %q", r.signingKeys, r.droppedEDUs, c.why)
				}
			})
		}
	}
}

func FuzzDeviceListUpdate(f *testing.F) {
	f.Add([]byte(`{"user_id":"@u:a.test","device_id":"D","stream_id":3,"prev_id":["2",1],"keys":{"user_id":"@u:a.test","device_id":"D"}}`))
	f.Add([]byte(`{"user_id":"@u:a.test","master_key":{"user_id":"@u:a.test","usage":["master"],"keys":{"ed25519:AA":"AA"}},"self_signing_key":{}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if !json.Valid(content) {
			return // the adapter refuses it before
		}
		r := reader{origin: "a.test", local: "here.test"}
		if u, bad := r.deviceListUpdate(content); bad == "" {
			if u.User.Server != "a.test" || u.DeviceID == "" || u.StreamID < 0 || u.Deleted && u.Keys != nil || len(u.Keys) > todevice.MaxContent {
				t.Fatalf("taken: %+v", u)
			}
		}
		if u, bad := r.signingKeyUpdate(content); bad == "" && (u.User.Server != "a.test" || u.Master == nil) {
			t.Fatalf("taken: %+v", u)
		}
	})
}
