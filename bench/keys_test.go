package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

func TestKeysAreCanonicalAndNoneIsLikeAnother(t *testing.T) {
	seen := make(map[string]string)
	for _, p := range atDevices(people("d", 2, aloneServer), 2) {
		for name, key := range map[string]json.RawMessage{
			"device keys": deviceKeys(p), "key 0": oneTimeKey(p, 0), "key 1": oneTimeKey(p, 1),
		} {
			name = p.id() + " " + p.device + " " + name
			if canonical, err := canonicaljson.Strict(key); err != nil || string(canonical) != string(key) {
				t.Errorf("%s are not canonical JSON, so that a server may write them differently: %v", name, err)
			}
			if other, found := seen[string(key)]; found {
				t.Errorf("%s are those of %s", name, other)
			}
			seen[string(key)] = name
		}
	}
}

func TestUploadHoldsTheKeysOfTheDevice(t *testing.T) {
	p := people("d", 1, aloneServer)[0]
	var body struct {
		DeviceKeys  json.RawMessage            `json:"device_keys"`
		OneTimeKeys map[string]json.RawMessage `json:"one_time_keys"`
	}
	if err := json.Unmarshal(uploadBody(p, 3), &body); err != nil {
		t.Fatal(err)
	}
	if !sameJSON(body.DeviceKeys, deviceKeys(p)) || len(body.OneTimeKeys) != 3 {
		t.Errorf("the upload has %s and %d one-time keys, want 3", body.DeviceKeys, len(body.OneTimeKeys))
	}
	for number := range 3 {
		if !sameJSON(body.OneTimeKeys[oneTimeKeyName(number)], oneTimeKey(p, number)) {
			t.Errorf("key %d is %s", number, body.OneTimeKeys[oneTimeKeyName(number)])
		}
	}
}

func TestUsersAreMadeWithTheirDevicesAndCrossSigningKeys(t *testing.T) {
	all := atDevices(people("c", 3, aloneServer), 4)
	for i := range all {
		all[i].crossSigning = true
	}
	database := filepath.Join(t.TempDir(), "chappe.db")
	if err := register(t.Context(), database, aloneServer, all); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(database, sqlite.Options{ServerName: aloneServer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, p := range all {
		device, err := store.Session(t.Context(), p.token())
		if err != nil || device.ID != p.device || device.User != p.userID() {
			t.Errorf("the token of %s at %s is that of %v (%v)", p.id(), p.device, device, err)
		}
		master, selfSigning := crossSigningKeys(p)
		keys, err := store.QueryKeys(t.Context(), all[0].userID(), []todevice.KeyQuery{{Localpart: p.localpart}})
		if got := keys[p.localpart]; err != nil || !sameJSON(got.Master, master) || !sameJSON(got.SelfSigning, selfSigning) {
			t.Errorf("the keys of %s are %s and %s (%v)", p.id(), got.Master, got.SelfSigning, err)
		}
	}
}

func TestAQueryAnswerIsComparedWithWhatWasUploaded(t *testing.T) {
	all := atDevices(people("d", 1, aloneServer), 2)
	crossed := slices.Clone(all)
	for i := range crossed {
		crossed[i].crossSigning = true
	}
	master, selfSigning := crossSigningKeys(crossed[0])
	first, second := deviceKeys(all[0]), deviceKeys(all[1])
	id := all[0].id()
	devices := func(keys ...any) string {
		return fmt.Sprintf(`{%q:{`+strings.TrimSuffix(strings.Repeat(`%q:%s,`, len(keys)/2), ",")+`}}`, append([]any{id}, keys...)...)
	}
	both := devices("BENCH0", first, "BENCH1", second)
	for name, test := range map[string]struct {
		answer string
		all    []person
		want   verdict
	}{
		"as it should be":          {`{"device_keys":` + both + `}`, all, verdict{}},
		"no answer at all":         {`{}`, all, verdict{Lost: 2}},
		"one device missing":       {`{"device_keys":` + devices("BENCH1", second) + `}`, all, verdict{Lost: 1}},
		"the keys of the other":    {`{"device_keys":` + devices("BENCH0", second, "BENCH1", second) + `}`, all, verdict{Misdelivered: 1}},
		"a device nobody has":      {`{"device_keys":` + devices("BENCH0", first, "BENCH1", second, "X", second) + `}`, all, verdict{Misdelivered: 1}},
		"keys nobody uploaded":     {fmt.Sprintf(`{"device_keys":%s,"master_keys":{%q:%s}}`, both, id, master), all, verdict{Misdelivered: 2}},
		"no cross-signing":         {`{"device_keys":` + both + `}`, crossed, verdict{Lost: 4}},
		"cross-signing of another": {fmt.Sprintf(`{"device_keys":%s,"master_keys":{%q:%s},"self_signing_keys":{%q:%s}}`, both, id, master, id, master), crossed, verdict{Misdelivered: 2}},
		"all of it":                {fmt.Sprintf(`{"device_keys":%s,"master_keys":{%q:%s},"self_signing_keys":{%q:%s}}`, both, id, master, id, selfSigning), crossed, verdict{}},
	} {
		if got, err := checkQuery([]byte(test.answer), test.all); err != nil || got != test.want {
			t.Errorf("%s: %+v (%v), want %+v", name, got, err, test.want)
		}
	}
	if _, err := checkQuery([]byte(`{`), all); err == nil {
		t.Error("half an answer is taken for one")
	}
}
