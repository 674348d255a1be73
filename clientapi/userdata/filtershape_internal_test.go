package userdata

import (
	"encoding/json"
	"testing"
)

// FuzzFilter: whatever JSON a stranger writes, it is taken or refused.
func FuzzFilter(f *testing.F) {
	f.Add([]byte(`{"room":{"timeline":{"limit":20,"rooms":["!a:b"]}},"presence":{"senders":["@a:b"]}}`))
	f.Fuzz(func(t *testing.T, filter []byte) {
		if json.Valid(filter) {
			_ = checkFilter(filter)
		}
	})
}
