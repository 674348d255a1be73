package keys_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

func TestWhatIsKnownStandsInForAServerThatCannotBeReached(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	rita := todevice.UserID{Localpart: "rita", Server: "far.test"}
	keys := json.RawMessage(`{"device_id":"R","user_id":"@rita:far.test","unsigned":{"device_display_name":"Phone"}}`)
	var failure error
	d.remote.query = func(context.Context, spec.ServerName, map[todevice.UserID][]string) (todevice.RemoteKeys, error) {
		return todevice.RemoteKeys{
			Devices:     map[todevice.UserID]map[string]json.RawMessage{rita: {"R": keys}},
			Master:      map[todevice.UserID]json.RawMessage{rita: json.RawMessage(`{"keys":{"ed25519:M":"M"}}`)},
			SelfSigning: map[todevice.UserID]json.RawMessage{rita: json.RawMessage(`{"keys":{"ed25519:S":"S"}}`)},
		}, failure
	}
	const query, all = `{"@rita:far.test":[]}`, `{"@rita:far.test":{"R":{"device_id":"R","user_id":"@rita:far.test","unsigned":{"device_display_name":"Phone"}}}}`
	for _, step := range []struct {
		name        string
		err         error
		query, want string
	}{
		{"some devices are not all", nil, `{"@rita:far.test":["R"]}`, all},
		{"nothing is kept of that", errUnreachable, query, `{}`},
		{"all devices", nil, query, all},
		{"unreachable", errUnreachable, query, all},
		{"not able to answer", refusal{503, ""}, query, all},
		{"another device", errUnreachable, `{"@rita:far.test":["X"]}`, `{"@rita:far.test":{}}`},
		{"somebody else", errUnreachable, `{"@sam:far.test":[]}`, `{}`},
		{"the server says no", refusal{403, "M_FORBIDDEN"}, query, `{}`},
	} {
		failure = step.err
		got := d.query(alice, step.query)
		wantJSON(t, got, "device_keys", step.want)
		if failures, _ := got.body["failures"].(map[string]any); (len(failures) == 1) != (step.err != nil) {
			t.Errorf("%s: failures %v", step.name, failures)
		}
		if step.want == all && step.err != nil {
			wantJSON(t, got, "master_keys", `{"@rita:far.test":{"keys":{"ed25519:M":"M"}}}`)
			wantJSON(t, got, "self_signing_keys", `{"@rita:far.test":{"keys":{"ed25519:S":"S"}}}`)
		}
	}
}
