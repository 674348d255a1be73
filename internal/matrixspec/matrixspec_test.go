package matrixspec_test

import (
	"testing"

	"github.com/chappe-im/chappe/internal/matrixspec"
)

func TestAnswersAreCheckedAgainstTheSpecification(t *testing.T) {
	spec, err := matrixspec.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path string
		status             int
		body               string
		good               bool
	}{
		{"a good answer", "GET", "/_matrix/client/v3/account/whoami", 200, `{"user_id":"@a:b","device_id":"D"}`, true},
		{"a member is missing", "GET", "/_matrix/client/v3/account/whoami", 200, `{"device_id":"D"}`, false},
		{"a member is of another type", "GET", "/_matrix/client/v3/account/whoami", 200, `{"user_id":"@a:b","device_id":7}`, false},
		{"under the old prefix", "GET", "/_matrix/client/r0/account/whoami", 200, `{"device_id":"D"}`, false},
		{"a list of objects", "GET", "/_matrix/client/v3/devices?x=y", 200, `{"devices":[{"device_id":"D"}]}`, true},
		{"a list with what is none", "GET", "/_matrix/client/v3/devices", 200, `{"devices":[{"device_id":"D"},{}]}`, false},
		{"what is not known of a device", "GET", "/_matrix/client/v3/devices/D", 200, `{"device_id":"D","last_seen_ip":null,"last_seen_ts":7}`, true},
		{"a device that is seen in words", "GET", "/_matrix/client/v3/devices/D", 200, `{"device_id":"D","last_seen_ts":"7"}`, false},
		{"no TURN server", "GET", "/_matrix/client/v3/voip/turnServer", 200, `{}`, true},
		{"half a TURN server", "GET", "/_matrix/client/v3/voip/turnServer", 200, `{"username":"u"}`, false},
		{"no list", "GET", "/_matrix/client/v3/devices", 200, `{"devices":null}`, false},
		{"deep within", "POST", "/_matrix/client/v3/keys/query", 200, `{"device_keys":{"@a:b":{"D":{"user_id":7}}}}`, false},
		{"a file of another folder", "GET", "/_matrix/federation/v1/user/devices/@a:b", 200, `{"user_id":"@a:b","stream_id":"x","devices":[]}`, false},
		{"a pattern", "PUT", "/_matrix/federation/v1/send/1", 200, `{"pdus":{"$event":{"error":7}}}`, false},
		{"not JSON", "POST", "/_matrix/client/v3/logout", 200, `{`, false},
		{"an error", "GET", "/_matrix/client/v3/devices/X", 404, `{"errcode":"M_NOT_FOUND","error":"e"}`, true},
		{"an error without words", "GET", "/_matrix/client/v3/devices/X", 404, `{"errcode":"M_NOT_FOUND"}`, false},
		{"an error without a code", "GET", "/_matrix/client/v3/devices/X", 404, `{"error":"e"}`, false},
		{"an error with a code that is none", "GET", "/_matrix/client/v3/nothing", 404, `{"errcode":"NOT_FOUND","error":"e"}`, false},
		{"an error of no route", "GET", "/_matrix/client/v3/nothing", 404, `{}`, false},
		{"authentication is asked for", "POST", "/_matrix/client/v3/register", 401, `{"flows":[{"stages":["m.login.dummy"]}],"session":"s","params":{}}`, true},
		{"flows without a session", "POST", "/_matrix/client/v3/register", 401, `{"flows":[{"stages":["m.login.dummy"]}]}`, false},
		{"flows without stages", "POST", "/_matrix/client/v3/register", 401, `{"flows":[{}],"session":"s"}`, false},
	} {
		err := spec.Check(matrixspec.Answer{Method: c.method, Path: c.path, Status: c.status, ContentType: "application/json", Body: []byte(c.body)})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if spec.Check(matrixspec.Answer{Method: "POST", Path: "/_matrix/client/v3/logout", Status: 200, ContentType: "text/plain", Body: []byte(`{}`)}) == nil {
		t.Error("text is taken for JSON")
	}
}

func BenchmarkCheck(b *testing.B) {
	spec, err := matrixspec.Load()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := spec.Check(matrixspec.Answer{Method: "GET", Path: "/_matrix/client/v3/sync", Status: 200, ContentType: "application/json", Body: []byte(`{"next_batch":"x"}`)})
		if err != nil {
			b.Fatal(err)
		}
	}
}
