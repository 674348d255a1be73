// Package rawjson reads JSON one level at a time and leaves what is beneath as it
// was written.
package rawjson

import "encoding/json"

// Object reads a JSON object and tells whether it is one. Its names are taken as
// they are written; a struct would take them in any case, and so read members
// that the sender's signature meant for nobody.
func Object(raw json.RawMessage) (members map[string]json.RawMessage, ok bool) {
	if !json.Valid(raw) {
		return nil, false
	}
	list, ok := Members(raw)
	if !ok {
		return nil, false
	}
	members = make(map[string]json.RawMessage, len(list))
	for _, m := range list {
		members[m.Name] = m.Value
	}
	return members, true
}

// List reads a JSON array and tells whether it is one.
func List(raw json.RawMessage) (items []json.RawMessage, ok bool) {
	err := json.Unmarshal(raw, &items)
	return items, err == nil && items != nil
}

// Text reads a JSON string and tells whether it is one.
func Text(raw json.RawMessage) (string, bool) {
	var value *string
	if err := json.Unmarshal(raw, &value); err != nil || value == nil {
		return "", false
	}
	return *value, true
}

// Present gives a member of an object, nil for one that is null.
func Present(member json.RawMessage) json.RawMessage {
	if string(member) == "null" {
		return nil
	}
	return member
}
