package todevice_test

import (
	"encoding/json"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestKeysHaveTheShapeThatClientsRelyOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		shaped func(json.RawMessage) bool
		good   []string
		bad    []string
	}{
		{"device", todevice.DeviceKeysShaped,
			[]string{`{"algorithms":["a"],"keys":{"a:D":"k"},"signatures":{"@u:s":{"a:D":"s"}},"n":9007199254740993}`, `{"algorithms":[],"keys":{},"signatures":{}}`},
			[]string{``, `null`, `[]`, `7`, `{}`, `{"algorithms":"a","keys":{},"signatures":{}}`, `{"algorithms":[7],"keys":{},"signatures":{}}`,
				`{"algorithms":[],"keys":{"a:D":7},"signatures":{}}`, `{"algorithms":[],"keys":{},"signatures":{"@u:s":{"a:D":7}}}`,
				`{"algorithms":[],"keys":null,"signatures":{}}`, `{"algorithms":[],"keys":{}}`, `{"Algorithms":[],"keys":{},"signatures":{}}`}},
		{"cross-signing key", todevice.CrossSigningKeyShaped,
			[]string{`{"usage":["master"],"keys":{"a:K":"K"}}`, `{"usage":["master"],"keys":{"a:K":"K"},"signatures":{"@u:s":{"a:D":"s"}}}`},
			[]string{``, `null`, `{}`, `{"usage":["master"]}`, `{"usage":"master","keys":{}}`, `{"usage":["master"],"keys":{"a:K":{}}}`,
				`{"usage":["master"],"keys":{},"signatures":[]}`, `{"usage":["master"],"keys":{},"signatures":{"@u:s":{"a:D":7}}}`}},
		{"one-time key", todevice.OneTimeKeyShaped,
			[]string{`"k"`, `{"key":"k"}`, `{"key":"k","signatures":{"@u:s":{"a:D":"s"}},"fallback":true}`},
			[]string{``, `null`, `7`, `[]`, `{}`, `{"key":7,"signatures":{}}`, `{"key":"k","signatures":[]}`}},
	} {
		for _, key := range c.good {
			if !c.shaped(json.RawMessage(key)) {
				t.Errorf("%s: %s is refused", c.name, key)
			}
		}
		for _, key := range c.bad {
			if c.shaped(json.RawMessage(key)) {
				t.Errorf("%s: %s is taken", c.name, key)
			}
		}
	}
}
