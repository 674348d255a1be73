package todevice

import "encoding/json"

// There are clients that refuse an answer as a whole for one key in it that has
// another shape than the specification says. So keys of other servers are passed on
// only if they have it; whether they are good is for clients to find out.

// DeviceKeysShaped tells whether an object has the shape of the keys of a device.
//
// https://spec.matrix.org/v1.15/client-server-api/#device-keys
func DeviceKeysShaped(object json.RawMessage) bool {
	var algorithms []string
	return membersShaped(object, map[string]any{
		"algorithms": &algorithms, "keys": &map[string]string{}, "signatures": &map[string]map[string]string{},
	})
}

// CrossSigningKeyShaped tells whether an object has the shape of a cross-signing key.
//
// https://spec.matrix.org/v1.15/client-server-api/#cross-signing
func CrossSigningKeyShaped(object json.RawMessage) bool {
	var usage []string
	return membersShaped(object, map[string]any{"usage": &usage, "keys": &map[string]string{}}) && signaturesShaped(object)
}

// OneTimeKeyShaped tells whether a value has the shape of a one-time or fallback key: a
// text, or an object with one. There are tools that upload some without signatures.
//
// https://spec.matrix.org/v1.15/client-server-api/#key-algorithms
func OneTimeKeyShaped(value json.RawMessage) bool {
	var text string
	return present(value) && json.Unmarshal(value, &text) == nil ||
		membersShaped(value, map[string]any{"key": &text}) && signaturesShaped(value)
}

// membersShaped tells whether an object has all of the members, each such that it can
// be read into its place.
func membersShaped(object json.RawMessage, members map[string]any) bool {
	var have map[string]json.RawMessage
	if json.Unmarshal(object, &have) != nil {
		return false
	}
	for name, into := range members {
		if !present(have[name]) || json.Unmarshal(have[name], into) != nil {
			return false
		}
	}
	return true
}

// signaturesShaped tells whether an object has no signatures, or such as can be read.
func signaturesShaped(object json.RawMessage) bool {
	var have map[string]json.RawMessage
	return json.Unmarshal(object, &have) == nil &&
		(!present(have["signatures"]) || json.Unmarshal(have["signatures"], &map[string]map[string]string{}) == nil)
}

func present(value json.RawMessage) bool { return len(value) > 0 && string(value) != "null" }
